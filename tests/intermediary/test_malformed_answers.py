"""The same care towards an origin: what is ambiguous is not passed on, and its connection is not used again."""

import pytest

from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import OK, RawOrigin, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

HEAD = b"HTTP/1.1 200 OK\r\n"
LONG = b"Content-Length: 5\r\n"
TE = b"Transfer-Encoding: chunked\r\n"

# What is wrong shows in the head: the client gets 502.
BAD_HEADS = {
    "length with a sign": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "negative length": HEAD + b"Content-Length: -5\r\n\r\nhello",
    "length that is a list": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "length that is hexadecimal": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "length that is empty": HEAD + b"Content-Length: \r\n\r\nhello",
    "length beyond 64 bits": HEAD + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "two lengths": HEAD + LONG + b"Content-Length: 6\r\n\r\nhello!",
    "the same length twice": HEAD + LONG + LONG + b"\r\nhello",
    "length beside coding": HEAD + LONG + TE + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding beside length": HEAD + TE + LONG + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "unknown coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "unknown coding before chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "unknown coding behind chunked": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked twice": HEAD + TE + TE + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "identity": HEAD + b"Transfer-Encoding: identity\r\n\r\nhello",
    "space before a colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "fold": HEAD + b"X: 1\r\n 2\r\nContent-Length: 5\r\n\r\nhello",
    "bare CR": HEAD + b"X: 1\r2\r\nContent-Length: 5\r\n\r\nhello",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "NUL": HEAD + b"X: \x00\r\nContent-Length: 5\r\n\r\nhello",
    "field without a colon": HEAD + b"rubbish\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no version": b"200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status that is no number": b"HTTP/1.1 2xx OK\r\nContent-Length: 5\r\n\r\nhello",
    "status below 100": b"HTTP/1.1 099 Odd\r\nContent-Length: 5\r\n\r\nhello",
    "status 000": b"HTTP/1.1 000 Odd\r\nContent-Length: 5\r\n\r\nhello",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "101 without Upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "HTML without a head": b"<html><body>hello</body></html>\r\n\r\n",
    "endless head": HEAD + b"X: " + b"y" * 100_000,
    "endless fields": HEAD + b"X: y\r\n" * 20_000,
    "endless reason": b"HTTP/1.1 200 " + b"y" * 100_000,
    "malformed interim answer": b"HTTP/1.1 103 Early\r\nX : 1\r\n\r\n" + OK,
}

# What is wrong shows in the body: the answer is cut, so that it does not look whole.
BAD_BODIES = {
    "negative chunk": HEAD + TE + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "chunk with a sign": HEAD + TE + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk with 0x": HEAD + TE + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk beyond 64 bits": HEAD + TE + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk that is too long": HEAD + TE + b"\r\n5\r\nhelloXX\r\n0\r\n\r\n",
    "chunk that is too short": HEAD + TE + b"\r\n5\r\nhel\r\n0\r\n\r\n",
    "bare LF behind a size": HEAD + TE + b"\r\n5\nhello\r\n0\r\n\r\n",
    "bare LF behind a chunk": HEAD + TE + b"\r\n5\r\nhello\n0\r\n\r\n",
    "no size": HEAD + TE + b"\r\n\r\nhello",
    "rubbish for a size": HEAD + TE + b"\r\nhello",
    "endless extension": HEAD + TE + b"\r\n5;" + b"a" * 100_000,
    "endless trailers": HEAD + TE + b"\r\n5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 20_000,
    "Content-Length in trailers": HEAD + TE + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "Transfer-Encoding in trailers": HEAD + TE + b"\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailer with a space before the colon": HEAD + TE + b"\r\n5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
}

# A good answer, and more than was asked for.
TOO_MUCH = {
    "a second answer": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "rubbish": OK + b"rubbish",
    "a second answer behind chunks": HEAD
    + TE
    + b"\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a body behind 204": b"HTTP/1.1 204 No Content\r\n\r\nevil",
    "a body behind 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
}


def once(reply: bytes, then: bytes = OK) -> RawOrigin:
    """Return an origin that gives a reply to its first request and another to all that follow."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(reply if len(visit.origin.arrived) == 1 else then)

    return RawOrigin(script)


async def ask(bench: Bench) -> tuple[int, bytes, bool]:
    """Send a GET and return the status, the body and whether that was whole."""
    async with bench.client() as client:
        try:
            answer = await client.get()
        except ConnectionResetError:
            return 0, b"", False
        return answer.status, answer.body, answer.whole


@pytest.mark.parametrize("name", BAD_HEADS)
async def test_a_malformed_head_is_answered_502(name: str) -> None:
    """Nothing of it reaches the client, and the next request gets a new connection."""
    async with raw_origin(once(BAD_HEADS[name]).script) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            answer = await client.get()
            assert (answer.status, answer.whole) == (502, True)
            assert b'"code":"bad_upstream"' in answer.body
            assert answer.values(b"proxy-status") == [b"iam-proxy; error=http_protocol_error"]
            assert (await client.get()).body == b"ok"
        assert [arrived.connection for arrived in origin.arrived] == [1, 2]


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_malformed_body_is_cut(name: str) -> None:
    """The client sees that the answer is not whole, or gets 502 where nothing of it had been sent."""
    async with raw_origin(once(BAD_BODIES[name]).script) as origin, gateway_to(origin.port) as bench:
        status, _, whole = await ask(bench)
        assert whole is (status == 502)
        assert await ask(bench) == (200, b"ok", True)
        assert [arrived.connection for arrived in origin.arrived] == [1, 2]


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_nobody_asked_for_goes_to_nobody(name: str) -> None:
    """Bytes behind an answer are no answer to the next request (RFC 9112 §9.2)."""
    async with raw_origin(once(TOO_MUCH[name]).script) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            first = await client.get()
            assert first.whole
            assert b"evil" not in first.body
            assert (await client.get()).body == b"ok"
        assert [arrived.connection for arrived in origin.arrived] == [1, 2]


async def test_an_answer_before_any_request_is_not_taken() -> None:
    """A connection on which the origin speaks first is no way to ask it anything."""

    async def speaks_first(visit: Visit) -> None:
        if visit.number == 1:
            await visit.request()
            await visit.send(OK)
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        else:
            while True:
                await visit.request()
                await visit.send(OK)

    async with raw_origin(speaks_first) as origin, gateway_to(origin.port) as bench:
        assert await ask(bench) == (200, b"ok", True)
        await bench.turns(20)
        assert await ask(bench) == (200, b"ok", True)
        assert [arrived.connection for arrived in origin.arrived] == [1, 2]
