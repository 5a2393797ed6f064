"""Connections of clients: pipelining, persistence, half-close, lingering, slow drips."""

import asyncio

import pytest

from tests.fakes.gateway import complaints, gateway_to
from tests.fakes.origin import OK, Script, Visit, raw_origin
from tests.fakes.tokens import FakeSource

pytestmark = pytest.mark.usefixtures("loop_factory")


async def echo(visit: Visit) -> None:
    """Answer with the target and the body."""
    while True:
        arrived = await visit.request()
        said = arrived.line.split(b" ")[1] + b" " + arrived.body
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))


def with_body(number: int) -> bytes:
    """Return a request with no body, one of known length, or a chunked one."""
    head = b"POST /%d HTTP/1.1\r\nHost: g\r\n" % number
    body = b"b%d" % number * 50
    match number % 3:
        case 0:
            return b"GET /%d HTTP/1.1\r\nHost: g\r\n\r\n" % number
        case 1:
            return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 61, 100_000])
async def test_pipelined_requests_with_bodies_are_answered_in_order(step: int) -> None:
    """Thirty requests in one go, of every framing, cut into reads of every kind."""
    whole = b"".join(with_body(number) for number in range(30))
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for at in range(0, len(whole), step):
            client.writer.write(whole[at : at + step])
            if step < 50:
                await bench.turns(1)
        bodies = [(await client.answer()).body for _ in range(30)]
    assert bodies == [b"/%d %b" % (n, b"" if n % 3 == 0 else b"b%d" % n * 50) for n in range(30)]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_next_request_is_read_behind_one_whose_body_nobody_took(method: str) -> None:
    """A request with a body that the gateway answers itself leaves the connection fit for the next."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"%b /iam/login HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc" % method.encode())
        denied = await client.answer()
        assert (denied.status, denied.values(b"connection")) == (403, [])
        assert (await client.get("/next")).body == b"/next "


async def test_empty_lines_before_a_request_are_ignored() -> None:
    """Some old clients send a line end too many behind a body (RFC 9112 §2.2)."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(with_body(1) + b"\r\n" + with_body(3) + b"\r\n\r\n")
        await client.answer()
        assert (await client.answer()).body == b"/3 "
        await client.send(with_body(6))
        assert (await client.answer()).body == b"/6 "


@pytest.mark.parametrize(
    ("version", "connection", "persists"),
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "Close, x", False),
        ("1.1", "keep-alive, close", False),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
        ("1.0", "Keep-Alive", True),
        ("1.0", "x, keep-alive", True),
        ("1.0", "close", False),
        ("1.0", "keep-alive, close", False),
    ],
)
async def test_persistence(version: str, connection: str | None, persists: bool) -> None:
    """RFC 9112 §9.3, for either version; the answer says what will be."""
    line = f"Connection: {connection}\r\n" if connection else ""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(f"GET / HTTP/{version}\r\nHost: g\r\n{line}\r\n".encode())
        answer = await client.answer()
        if persists:
            assert answer.values(b"connection") == ([b"keep-alive"] if version == "1.0" else [])
            await client.send(b"GET /2 HTTP/1.1\r\nHost: g\r\n\r\n")
            assert (await client.answer()).body == b"/2 "
        else:
            assert answer.values(b"connection") == [b"close"]
            assert await client.ended()


async def test_a_1_0_client_without_host_is_served() -> None:
    """HTTP/1.0 has no Host field."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert (await client.answer()).body == b"/old "
    assert b"Via: 1.0 iam-proxy-test\r\n" in origin.heads[0]


async def test_pipelined_requests_of_a_client_that_has_finished_sending() -> None:
    """All that was asked before the end of file is answered (RFC 9112 §9.6)."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"".join(with_body(number) for number in range(6)))
        client.writer.write_eof()
        answers = [await client.answer() for _ in range(6)]
        assert [answer.body.split(b" ")[0] for answer in answers] == [b"/%d" % number for number in range(6)]
        assert await client.ended()


def late(gate: asyncio.Event) -> Script:
    """Return a script that answers when the gate is open."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await gate.wait()
            await visit.send(OK)

    return script


async def test_what_is_pipelined_behind_a_slow_request_costs_one_read() -> None:
    """A client that goes on sending while it is owed an answer is held; what it has sent is not lost."""
    gate = asyncio.Event()
    rest = b"".join(
        b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000) for _ in range(200)
    )
    async with raw_origin(late(gate)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        client.writer.write(rest)
        await origin.asked(1)
        await bench.turns(200)
        connection = next(iter(bench.clients))
        assert len(connection._unread) < 1024 * 1024  # type: ignore[attr-defined]
        gate.set()
        for _ in range(200):
            assert (await client.answer()).status == 200


async def test_the_last_answer_is_not_lost_to_a_client_that_still_sends() -> None:
    """Behind an early answer the upload is read and dropped as long as it comes, up to 30 s; then it is cut."""

    async def refuse(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    async with raw_origin(refuse) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000000\r\n\r\n" + bytes(1000))
        await bench.facts(1)
        for _ in range(15):
            await client.send(bytes(10_000))
            await bench.pass_time(1.5)
        answer = await client.answer()
        assert (answer.status, answer.body) == (413, b"big")
        for _ in range(10):
            await bench.pass_time(2)
        await bench.turns(20)
        assert not len(bench.clients)


async def test_slow_drips_are_cut_off() -> None:
    """A byte now and then does not buy time: the whole header section has one deadline."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for byte in b"GET / HTTP/1.1":
            await client.send(bytes((byte,)))
            await bench.turns(5)
            await bench.pass_time(2)
        for _ in range(4):
            await bench.pass_time(2)
        assert [fact.status for fact in bench.finished] == [408]
        assert (await client.answer()).status == 408
        assert await client.ended()


async def test_a_body_that_stalls_is_cut_off() -> None:
    """`timeouts.idle` bounds the wait for more of a body."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nabc")
        await origin.asked(1)
        await bench.pass_time(301)
        assert (await client.answer()).status == 408
        assert await client.ended()
    assert origin.arrived == []


async def test_a_body_that_is_held_is_not_late() -> None:
    """While a login is awaited its client is not read from: that it sends nothing more is not its fault."""
    source = FakeSource(gate=asyncio.Event())
    async with raw_origin() as origin, gateway_to(origin.port, source=source) as bench, bench.client() as client:
        gate = source.gate
        assert gate is not None
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\n12345")
        await bench.until(lambda: bench.connection().held > 0)
        await bench.pass_time(301)
        gate.set()
        await client.send(b"67890")
        assert (await client.answer()).status == 200
    assert origin.arrived[0].body == b"1234567890"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize(("target", "status"), [(b"/iam/login", 403), (b"/", 502)])
async def test_an_upload_that_no_origin_hears_leaves_the_connection_usable(
    framing: bytes, target: bytes, status: int
) -> None:
    """Refused by a rule, or for want of an origin: a body that has come whole is no reason to close, nor to stall."""
    async with gateway_to(1) as bench, bench.client() as client:
        for _ in range(3):
            await client.send(b"POST %b HTTP/1.1\r\nHost: g\r\n%b" % (target, framing))
            answer = await client.answer()
            assert (answer.status, answer.values(b"connection")) == (status, [])


@pytest.mark.parametrize("whole", [True, False])
async def test_a_request_cut_short_behind_another_is_none(whole: bool) -> None:
    """A client that has ended will never send the rest: what was whole is answered, and the origin hears no more."""
    body = b"hello" if whole else b"hell"
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(
            b"GET /1 HTTP/1.1\r\nHost: g\r\n\r\nPOST /2 HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n" + body
        )
        client.writer.write_eof()
        assert (await client.answer()).body == b"/1 "
        if whole:
            assert (await client.answer()).body == b"/2 hello"
        assert await client.ended()
    assert len(origin.heads) == (2 if whole else 1)


async def test_a_client_that_vanishes_with_more_behind_its_request() -> None:
    """Reading goes on a little behind a request, so that a reset ends the exchange at once."""

    async def never(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with raw_origin(never) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\nGET /2 HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.asked(1)
        client.reset()
        await bench.until(lambda: bench.gateway.in_flight == 0)
        await bench.until(lambda: bench.pool.open == 0)


async def test_a_malformed_chunk_buys_no_time() -> None:
    """What came before it in the same read does not count as a sign of life: the close lingers as any other."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        await origin.asked(1)
        await client.send(b"lo\r\nx\r\n")
        assert (await client.answer()).status == 400
        await bench.pass_time(3)
        assert len(bench.clients) == 0


async def test_a_reset_that_nobody_has_noticed_yet() -> None:
    """A client that is not read from may be gone; ending its last answer finds out, and is no defect."""
    gate = asyncio.Event()
    heard = complaints()

    async def early(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\n\r\nx")
        await gate.wait()
        visit.writer.write_eof()
        while await visit.reader.read(2**20):
            pass

    async with raw_origin(early) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        client.writer.write(b"POST / HTTP/1.0\r\nContent-Length: 50000000\r\n\r\n" + bytes(20_000_000))
        await origin.asked(1)
        await bench.until(lambda: bench.connection().held > 0)
        client.reset()
        await bench.turns(20)
        gate.set()
        await bench.facts(1)
        await bench.clients.gone()
    assert heard == []
