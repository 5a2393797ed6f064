"""Properties of the wire, both directions: any split gives the same; what we send is exactly one message."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import h11
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.gateway import RawClient, gateway_to
from tests.fakes.origin import OK, Visit, raw_origin

Loop = Callable[[], asyncio.AbstractEventLoop]
EACH_LOOP = pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop], ids=["plain", "uvloop"])
FEW = settings(max_examples=60, deadline=None)

TOKEN = st.text("!#$%&'*+-.^_`|~abcXYZ019", min_size=1, max_size=12).map(str.encode)
VALUE = st.binary(max_size=30).map(lambda raw: bytes(b for b in raw if b > 32 and b != 127))
TARGET = st.text("abc/%.;=&?~!$'()*+,:@[]{}|^\\\"<>`-_0", max_size=30).map(lambda rest: b"/" + rest.encode())
FIELDS = st.lists(st.tuples(TOKEN.map(lambda name: b"X" + name), VALUE), max_size=6)
BODY = st.one_of(st.just(b""), st.binary(max_size=200), st.sampled_from([bytes(65_536), bytes(70_001)]))
CUTS = st.lists(st.integers(1, 400), min_size=1, max_size=8)


def run(loop: Loop, main: Coroutine[Any, Any, None]) -> None:
    """Run on this kind of loop."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main)


def lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Return field lines."""
    return b"".join(b"%b: %b\r\n" % field for field in fields)


def framed(body: bytes, sizes: list[int] | None) -> bytes:
    """Return the end of a head and a body: of known length, or in chunks of these sizes."""
    if sizes is None:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    whole, at = b"Transfer-Encoding: chunked\r\n\r\n", 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        whole += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        at += size
    return whole + b"0\r\n\r\n"


async def write_cut(
    client: RawClient, data: bytes, cuts: list[int], turn: Callable[[int], Coroutine[Any, Any, None]]
) -> None:
    """Write data in pieces of these lengths, as reads of their own; the rest as one."""
    at = 0
    for cut in cuts:
        client.writer.write(data[at : at + cut])
        await turn(2)
        at += cut
    await client.send(data[at:])


def one_message(connection: h11.Connection, data: bytes) -> tuple[h11.Event, bytes]:
    """Parse data, all of it, as exactly one message; return its head and its body."""
    connection.receive_data(data)
    head, body = connection.next_event(), b""
    assert isinstance(head, h11.Request | h11.Response)
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
            continue
        assert isinstance(event, h11.EndOfMessage)
        break
    assert connection.trailing_data[0] == b""
    return head, body


@EACH_LOOP
@FEW
@given(
    method=st.sampled_from([b"GET", b"POST", b"DELETE", b"PROPFIND", b"X!"]),
    target=TARGET,
    fields=FIELDS,
    body=BODY,
    sizes=st.none() | st.lists(st.integers(1, 100), max_size=4),
    cuts=CUTS,
)
def test_a_request_arrives_as_exactly_one_message(
    loop: Loop,
    *,
    method: bytes,
    target: bytes,
    fields: list[tuple[bytes, bytes]],
    body: bytes,
    sizes: list[int] | None,
    cuts: list[int],
) -> None:
    """h11 finds one request in what the origin received, with the same method, target, fields and body."""
    raw: list[bytes] = []

    async def record(visit: Visit) -> None:
        head = await visit.head()
        got = await visit.body(head)
        raw.extend((head, got))
        await visit.send(OK)

    async def main() -> None:
        async with raw_origin(record) as origin, gateway_to(origin.port) as bench, bench.client() as client:
            request = b"%b %b HTTP/1.1\r\nHost: g\r\n%b%b" % (method, target, lines(fields), framed(body, sizes))
            await write_cut(client, request, cuts, bench.turns)
            assert (await client.answer()).status == 200

    run(loop, main())
    head, got = raw
    framing = b"%x\r\n%b\r\n0\r\n\r\n" % (len(got), got) if got else b"0\r\n\r\n"
    message, content = one_message(h11.Connection(h11.SERVER), head + (got if sizes is None else framing))
    assert isinstance(message, h11.Request)
    assert (message.method, message.target, content) == (method, target, body)
    crossed = [(name, value) for name, value in message.headers.raw_items() if name.startswith(b"X")]
    ours = (b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"X-Request-Id")
    assert [field for field in crossed if field[0] not in ours] == [
        (name, value) for name, value in fields if name.lower() != b"x-request-id"
    ]


@EACH_LOOP
@FEW
@given(
    status=st.sampled_from([200, 201, 301, 404, 500, 503]),
    fields=FIELDS,
    body=BODY,
    sizes=st.none() | st.lists(st.integers(1, 100), max_size=4),
    cuts=CUTS,
    http10=st.booleans(),
)
def test_an_answer_leaves_as_exactly_one_message(
    loop: Loop,
    *,
    status: int,
    fields: list[tuple[bytes, bytes]],
    body: bytes,
    sizes: list[int] | None,
    cuts: list[int],
    http10: bool,
) -> None:
    """h11 finds one response in what the client received, with the same status, fields and body."""
    raw: list[bytes] = []

    async def reply(visit: Visit) -> None:
        await visit.request()
        data, at = b"HTTP/1.1 %d Word\r\n%b%b" % (status, lines(fields), framed(body, sizes)), 0
        for cut in cuts:
            await visit.send(data[at : at + cut])
            await asyncio.sleep(0)
            at += cut
        await visit.send(data[at:])

    async def main() -> None:
        async with raw_origin(reply) as origin, gateway_to(origin.port) as bench, bench.client() as client:
            version = b"1.0" if http10 else b"1.1\r\nConnection: close"
            await client.send(b"GET / HTTP/%b\r\nHost: g\r\n\r\n" % version)
            raw.append(await client.reader.read())

    run(loop, main())
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "g"), ("Connection", "close")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(raw[0])
    parser.receive_data(b"")
    message, content = events(parser)
    assert (message.status_code, content) == (status, body)
    crossed = [(name, value) for name, value in message.headers.raw_items() if name.startswith(b"X")]
    assert crossed == fields


def events(parser: h11.Connection) -> tuple[h11.Response, bytes]:
    """Return the one response that a parser has been given, and its body."""
    message, body = parser.next_event(), b""
    assert isinstance(message, h11.Response)
    while isinstance(event := parser.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert parser.trailing_data[0] == b""
    return message, body


BORDERS = [0, 1, 15, 16, 17, 255, 256, 4095, 4096, 4097, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_535, 65_536,
           65_537, 131_072, 262_143, 262_144, 262_145, 524_287, 524_288, 524_289, 1_048_575, 1_048_577]  # fmt: skip


@EACH_LOOP
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_every_size_around_every_border(loop: Loop, *, chunked: bool) -> None:
    """There and back on one connection: reads, write buffers, the replay buffer, the parser's bypass."""

    async def echo(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\n" + framed(arrived.body, [5, 70_000] if chunked else None))

    async def main() -> None:
        async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
            for size in BORDERS:
                body = bytes(number % 251 for number in range(min(size, 5000))) + bytes(max(0, size - 5000))
                await client.send(b"POST / HTTP/1.1\r\nHost: g\r\n" + framed(body, [3, 66_000] if chunked else None))
                answer = await client.answer()
                assert (answer.body == body, answer.whole) == (True, True), size

    run(loop, main())
