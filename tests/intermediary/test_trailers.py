"""Trailers, both ways (RFC 9110 §6.5)."""

from dataclasses import replace

import pytest

from proxy.core.injection import Injection, Place
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import Script, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

POST = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
FORBIDDEN = (
    b"Host: evil", b"Authorization: Bearer evil", b"Access-Control-Allow-Origin: *",
    b"authorization: Bearer evil", b"Cookie: a=b", b"Set-Cookie: a=b", b"Connection: close", b"Content-Type: x/y",
    b"Content-Encoding: gzip", b"Expect: 100-continue", b"TE: gzip", b"Trailer: X", b"Upgrade: h2c", b"Via: 1.1 x",
    b"Cache-Control: no-store", b"X-Forwarded-For: 6.6.6.6", b"Location: http://evil/", b"Proxy-Authorization: x",
    b"Max-Forwards: 1", b"Range: bytes=0-1", b"Keep-Alive: 5", b"X-Request-Id: evil",
)  # fmt: skip


def sends(reply: bytes) -> Script:
    """Return a script that gives this answer to every request."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(reply)

    return script


async def test_trailers_reach_the_origin() -> None:
    """In order, as they were sent; the field that announces them too."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(POST + b"\r\n3\r\nabc\r\n0\r\nX-Sum:  1 \r\nx-b: \xff\r\n\r\n")
        assert (await client.answer()).status == 200
    assert origin.arrived[0].trailers == b"X-Sum: 1\r\nx-b: \xff\r\n"
    assert origin.arrived[0].values(b"trailer") == [b"X-Sum"]


async def test_trailers_reach_the_client_and_te_is_spoken_anew() -> None:
    """TE belongs to each connection (RFC 9110 §10.1.4)."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\nY: 2\r\n\r\n"
    async with raw_origin(sends(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get("/", "TE: trailers, deflate;q=0.5", "Connection: TE")
        assert (answer.body, answer.trailers) == (b"ok", b"X: 1\r\nY: 2\r\n")
        assert (await client.get()).trailers == b"X: 1\r\nY: 2\r\n"
    assert (origin.arrived[0].values(b"te"), origin.arrived[0].values(b"connection")) == ([b"trailers"], [b"TE"])
    assert (origin.arrived[1].values(b"te"), origin.arrived[1].values(b"connection")) == ([], [])


@pytest.mark.parametrize("line", FORBIDDEN)
async def test_what_must_be_no_trailer_is_dropped(line: bytes) -> None:
    """Either way: what frames, routes, authenticates or describes the content (RFC 9110 §6.5.1)."""
    trailers = b"0\r\nX: 1\r\n%b\r\n\r\n" % line
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + trailers
    async with raw_origin(sends(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(POST + b"\r\n" + trailers)
        assert (await client.answer()).trailers == b"X: 1\r\n"
    assert origin.arrived[0].trailers == b"X: 1\r\n"


async def test_trailers_that_connection_nominates_are_dropped() -> None:
    """Either way (RFC 9110 §7.6.1)."""
    trailers = b"0\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n"
    reply = b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nTransfer-Encoding: chunked\r\n\r\n" + trailers
    async with raw_origin(sends(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(POST + b"Connection: X-HOP\r\n\r\n" + trailers)
        assert (await client.answer()).trailers == b"X-End: 2\r\n"
    assert origin.arrived[0].trailers == b"X-End: 2\r\n"


async def test_a_1_0_client_gets_the_body_and_its_end() -> None:
    """Chunks and trailers end at the gateway."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n"
    async with raw_origin(sends(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = await client.answer()
    assert (answer.body, answer.values(b"transfer-encoding"), answer.values(b"connection")) == (b"ok", [], [b"close"])


async def test_trailers_come_with_a_replay() -> None:
    """A refused upload is sent again with all that belongs to it."""

    async def script(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            refused = b"token-1" in arrived.head
            line = b"401 No" if refused else b"200 OK"
            await visit.send(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % line)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(POST + b"\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert (await client.answer()).status == 200
    assert [arrived.trailers for arrived in origin.arrived] == [b"X-Sum: 1\r\n"] * 2


@pytest.mark.parametrize("spelling", [b"X-Api-Key", b"x-api-key", b"X_Api_Key", b"X-API_KEY"])
async def test_a_trailer_is_no_way_to_a_credential(spelling: bytes) -> None:
    """The field that the token goes into is none, however it is spelt."""
    injection = Injection(Place.FIELD, b"X-Api-Key", b"", b"")
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=lambda route: replace(route, injection=injection)) as bench,
        bench.client() as client,
    ):
        await client.send(POST + b"\r\n0\r\n%b: mine\r\nX-Sum: 1\r\n\r\n" % spelling)
        assert (await client.answer()).status == 200
    assert origin.arrived[0].trailers == b"X-Sum: 1\r\n"
