"""Nothing waits for the rest of a message: each piece crosses as it comes."""

import asyncio

import pytest

from tests.fakes.gateway import gateway_to
from tests.fakes.origin import Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
async def test_server_sent_events_leave_as_they_arrive(framing: str, version: bytes) -> None:
    """The origin sends an event only after the client has read the one before."""
    read: asyncio.Queue[int] = asyncio.Queue()
    lines = {"chunked": b"Transfer-Encoding: chunked\r\n", "close": b"", "length": b"Content-Length: 90\r\n"}[framing]

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(EVENTS + lines + b"\r\n")
        for number in range(10):
            event = b"data: %d\n\n" % number
            await visit.send(b"%x\r\n%b\r\n" % (len(event), event) if framing == "chunked" else event)
            assert await read.get() == number
        await visit.send(b"0\r\n\r\n" if framing == "chunked" else b"")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET /events HTTP/%b\r\nHost: g\r\n\r\n" % version)
        for number in range(10):
            await client.reader.readuntil(b"data: %d\n\n" % number)
            read.put_nowait(number)


async def test_an_upload_leaves_as_it_arrives() -> None:
    """The client sends a piece only after the origin has read the one before."""
    read: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(visit: Visit) -> None:
        await visit.head()
        for _ in range(10):
            read.put_nowait(await visit.reader.readuntil(b"!\r\n"))
        await visit.reader.readuntil(b"0\r\n\r\n")
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(10):
            await client.send(b"7\r\npiece%d!\r\n" % number)
            assert await read.get() == b"7\r\npiece%d!\r\n" % number
        await client.send(b"0\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_a_head_leaves_before_its_body_begins() -> None:
    """An answer's head is worth something by itself."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await gate.wait()
        await visit.send(b"ok")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        gate.set()
        assert await client.reader.readexactly(2) == b"ok"


async def test_redirects_and_cookies_name_the_gateway() -> None:
    """What a client on plain http can follow and keep (interface.md, "Redirects and cookies")."""

    async def script(visit: Visit) -> None:
        await visit.request()
        own = b"http://127.0.0.1:%d" % visit.origin.port
        await visit.send(
            b"HTTP/1.1 302 Found\r\nLocation: %b/next?a=b\r\nSet-Cookie: s=1; Domain=x.example; Secure; HttpOnly\r\n"
            b"Link: <%b/2>; rel=next\r\nSet-Cookie: t=2; Path=/\r\nContent-Length: 0\r\n\r\n" % (own, own)
        )

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: Gate-Way:8080\r\n\r\n")
        answer = await client.answer()
    assert answer.values(b"location") == [b"http://Gate-Way:8080/next?a=b"]
    assert answer.values(b"link") == [b"<http://Gate-Way:8080/2>; rel=next"]
    assert answer.values(b"set-cookie") == [b"s=1; HttpOnly", b"t=2; Path=/"]
