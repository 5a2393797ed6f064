"""What ties a request's lines in several logs together: its id, and the fields of W3C Trace Context."""

import re

import orjson
import pytest

from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

TRACE = (
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "TraceState: rojo=00f067aa0ba902b7,\tcongo=t61rcWkgMzE ",
    "tracestate: vendor@tenant=\xe9",
    "baggage: userId=alice;secret=1",
)


@pytest.mark.parametrize("given", ["id-1", "|4bf92f.1_", "4bf92f/1;o=1", '"quoted"\\', "x" * 128, "a,b"])
async def test_an_id_that_comes_is_kept(given: str) -> None:
    """Up to 128 visible characters: forwarded, told to the observers, and in the gateway's own answers."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get("/", f"X-Request-Id: {given}")
        denied = await client.get("/iam/login", f"x-request-ID:  {given}\t")
        facts = await bench.facts(2)
    assert origin.arrived[0].values(b"x-request-id") == [given.encode()]
    assert [fact.request_id for fact in facts] == [given, given]
    assert denied.values(b"x-request-id") == [given.encode()]
    assert orjson.loads(denied.body)["request_id"] == given


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("X-Request-Id:",),
        ("X-Request-Id: two words",),
        ("X-Request-Id: caf\xe9",),
        ("X-Request-Id: " + "x" * 129,),
        ("X-Request-Id: one", "X-Request-Id: two"),
    ],
)
async def test_where_none_comes_that_can_be_kept_one_is_made(lines: tuple[str, ...]) -> None:
    """One for each request, the same for origin, observers and answer."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for _ in range(2):
            await client.get("/", *lines)
        denied = await client.get("/iam/login", *lines)
        facts = await bench.facts(3)
    made = [fact.request_id for fact in facts]
    assert len(set(made)) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in made)
    assert [arrived.values(b"x-request-id") for arrived in origin.arrived] == [[made[0].encode()], [made[1].encode()]]
    assert orjson.loads(denied.body)["request_id"] == made[2]


async def test_trace_context_crosses_untouched() -> None:
    """Bytes, order, case and number of lines; where there is none, none is made."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get("/", *TRACE)
        await client.get("/")
    names = (b"traceparent", b"tracestate", b"baggage")
    kept = [line for line in origin.arrived[0].fields if line[0].lower() in names]
    sent = [line.encode("latin-1").partition(b":") for line in TRACE]
    assert kept == [(name, value.strip(b" \t")) for name, _, value in sent]
    assert not [line for line in origin.arrived[1].fields if line[0].lower() in names]
