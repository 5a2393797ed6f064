"""Upgrades: tunnels of bytes, with the credential on the handshake (RFC 9110 §7.8, RFC 6455)."""

import asyncio
from dataclasses import replace

import pytest

from proxy.core.timeouts import Timeouts
from tests.fakes.gateway import RawClient, gateway_to
from tests.fakes.origin import OK, UNAUTHORIZED, Script, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: g\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"


async def echo(visit: Visit) -> None:
    """Accept every handshake, then send back what comes, up to the end of file, and then a last word."""
    await visit.request()
    await visit.send(SWITCH)
    while data := await visit.reader.read(65536):
        await visit.send(data)
    await visit.send(b"bye")


async def opened(client: RawClient, behind: bytes = b"") -> bytes:
    """Do the handshake and return the head of its answer."""
    await client.send(HANDSHAKE + behind)
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    return head


async def test_a_handshake_carries_the_credential_and_opens_a_tunnel() -> None:
    """The fields of the upgrade are spoken anew on each connection; the others cross."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        head = await opened(client)
        assert b"\r\nX: 1\r\n" in head
        assert head.lower().count(b"connection: upgrade\r\n") == head.lower().count(b"upgrade: websocket\r\n") == 1
        await client.send(b"\x81\x05hello\x00\r\n\r\n")
        assert await client.reader.readexactly(12) == b"\x81\x05hello\x00\r\n\r\n"
        assert bench.gateway.in_flight == 1
        client.writer.write_eof()
        assert await client.reader.read() == b"bye"
        fact = (await bench.facts())[0]
    arrived = origin.arrived[0]
    assert arrived.values(b"authorization") == [b"Bearer token-1"]
    assert (arrived.values(b"connection"), arrived.values(b"upgrade")) == ([b"Upgrade"], [b"websocket"])
    assert arrived.values(b"sec-websocket-key") == [b"dGhlIHNhbXBsZSBub25jZQ=="]
    assert (fact.status, fact.received, fact.sent, fact.code, bench.gateway.in_flight) == (101, 12, 15, None, 0)


async def test_data_right_behind_the_handshake_in_both_directions() -> None:
    """What comes in the same read as the handshake, or as its answer, is the tunnel's first data."""

    async def eager(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH + b"from the origin")
        assert await visit.reader.readexactly(15) == b"from the client"
        await visit.send(b"!")

    async with raw_origin(eager) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client, b"from the client")
        assert await client.reader.readexactly(16) == b"from the origin!"


@pytest.mark.parametrize("step", [1, 2, 5])
async def test_a_handshake_cut_anywhere(step: int) -> None:
    """Reads of a few bytes, on both sides."""

    async def slow(visit: Visit) -> None:
        await visit.request()
        for at in range(0, len(SWITCH) + 3, step):
            await visit.send((SWITCH + b"abc")[at : at + step])
            await asyncio.sleep(0)

    async with raw_origin(slow) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for at in range(0, len(HANDSHAKE), step):
            await client.send(HANDSHAKE[at : at + step])
            await bench.turns(2)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        assert await client.reader.readexactly(3) == b"abc"


async def test_much_data_both_ways() -> None:
    """Megabytes, with each side's pressure felt by the other."""
    size = 20 * 1024 * 1024
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)

        async def write() -> None:
            for number in range(size // 65536):
                await client.send(bytes((number % 256,)) * 65536)
            client.writer.write_eof()

        writing = asyncio.create_task(write())
        data = await client.reader.read(-1)
        await writing
    assert len(data) == size + 3
    assert data[:-3] == b"".join(bytes((number % 256,)) * 65536 for number in range(size // 65536))


async def test_a_client_that_ended_before_the_switch() -> None:
    """Its end could not be passed on yet; it crosses behind the switch."""
    gate = asyncio.Event()

    async def late(visit: Visit) -> None:
        await visit.request()
        await gate.wait()
        await visit.send(SWITCH)
        assert await visit.reader.read() == b"early"
        await visit.send(b"bye")

    async with raw_origin(late) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(HANDSHAKE + b"early")
        await origin.got(1)
        client.writer.write_eof()
        await bench.until(lambda: bench.connection().ended)
        gate.set()
        await client.reader.readuntil(b"\r\n\r\n")
        assert await client.reader.read() == b"bye"


async def test_an_origin_that_ends_first() -> None:
    """The client sees the end; what it still sends arrives until it ends too."""
    heard = asyncio.get_running_loop().create_future()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH + b"over")
        visit.writer.write_eof()
        heard.set_result(await visit.reader.read())

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)
        assert await client.reader.read() == b"over"
        await client.send(b"last words")
        client.writer.write_eof()
        assert await heard == b"last words"
        await bench.facts(1)


async def test_a_client_that_vanishes() -> None:
    """A reset on one side ends the other at once."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)
        client.reset()
        await origin.left.wait()
        await bench.facts(1)
    assert (bench.gateway.in_flight, bench.pool.open) == (0, 0)


async def test_an_origin_that_vanishes() -> None:
    """The client is told by the end of its connection."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(SWITCH)
        await visit.reader.readexactly(1)
        visit.reset()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)
        await client.send(b"x")
        assert await client.ended()
        await bench.facts(1)
    assert bench.pool.open == 0


async def test_an_idle_tunnel_is_closed() -> None:
    """`timeouts.idle` counts from the last byte in either direction."""
    async with raw_origin(echo) as origin, gateway_to(origin.port, timeouts=Timeouts(idle=10)) as bench:
        async with bench.client() as client:
            await opened(client)
            for _ in range(5):
                await bench.pass_time(9)
                await client.send(b"x")
                assert await client.reader.readexactly(1) == b"x"
            await bench.pass_time(11)
            assert await client.ended()
        await origin.left.wait()


async def test_a_tunnel_that_is_drained_is_left_alone_and_then_cut() -> None:
    """A drain does not end it; the end of the drain does."""
    async with raw_origin(echo) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)
        for each in bench.clients:
            each.leave()
        await client.send(b"still here")
        assert await client.reader.readexactly(10) == b"still here"
        for each in bench.clients:
            each.abort()
        assert await client.ended()
        await bench.clients.gone()


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ],
)
async def test_a_refused_upgrade_is_passed_on_and_the_connection_stays_http(reply: bytes) -> None:
    """What the client sent behind the handshake is the next request then."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(reply)
        await visit.request()
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(HANDSHAKE + b"GET /next HTTP/1.1\r\nHost: g\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.body) == (int(reply.split(b" ")[1]), b"no")
        assert (await client.answer()).body == b"ok"
    assert origin.arrived[1].line == b"GET /next HTTP/1.1"


async def test_a_dead_token_on_a_handshake_is_replayed() -> None:
    """A 401 to the handshake costs a login and a second handshake; the client sees the tunnel."""

    async def script(visit: Visit) -> None:
        arrived = await visit.request()
        if b"token-1" in arrived.head:
            await visit.send(UNAUTHORIZED)
            arrived = await visit.request()
        await visit.send(SWITCH + b"in")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await opened(client)
        assert await client.reader.readexactly(2) == b"in"
        client.writer.write_eof()
        fact = (await bench.facts())[0]
    assert (len(origin.arrived), fact.replay) == (2, "accepted")


def switches_to(reply: bytes) -> Script:
    """Return a script that answers with these bytes and then stays."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(reply)
        await visit.reader.read()

    return script


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
async def test_a_switch_to_something_else_is_no_answer(reply: bytes) -> None:
    """An origin may change only to what it was asked for, and has to say to what."""
    async with raw_origin(switches_to(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(HANDSHAKE)
        answer = await client.answer()
    assert (answer.status, b'"code":"bad_upstream"' in answer.body) == (502, True)


@pytest.mark.parametrize("upgrade", ["h2c", "H2C", "HTTP/2.0", "TLS/1.0", "TLS/1.2, HTTP/1.1"])
async def test_what_would_be_http_again_is_not_asked_for(upgrade: str) -> None:
    """A tunnel of HTTP would go past every rule of the gateway; the request is forwarded without the upgrade."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get(
            "/", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}", "HTTP2-Settings: AA"
        )
        assert answer.body == b"ok"
    assert not any(origin.arrived[0].values(name) for name in (b"connection", b"upgrade", b"http2-settings"))


async def test_an_upgrade_that_is_not_nominated_is_none() -> None:
    """RFC 9110 §7.8: Upgrade without `Connection: upgrade` is to be ignored."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        assert (await client.get("/", "Upgrade: websocket")).body == b"ok"
    assert origin.arrived[0].values(b"upgrade") == []


async def test_a_body_behind_an_upgrade() -> None:
    """A body of known length goes along, and the tunnel opens behind it."""

    async def script(visit: Visit) -> None:
        arrived = await visit.request()
        assert arrived.body == b"body"
        await visit.send(SWITCH.replace(b"websocket", b"x/1"))
        await visit.send((await visit.reader.readexactly(4)).upper())

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(
            b"POST / HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: x/1\r\nContent-Length: 4\r\n\r\nbodytail"
        )
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        assert await client.reader.readexactly(4) == b"TAIL"


async def test_a_websocket_to_a_route_without_a_credential() -> None:
    """The tunnel does not depend on a token."""
    async with (
        raw_origin(echo) as origin,
        gateway_to(origin.port, route=lambda route: replace(route, credential=None)) as bench,
        bench.client() as client,
    ):
        await opened(client)
        await client.send(b"x")
        assert await client.reader.readexactly(1) == b"x"


async def test_a_switch_before_the_body_has_come() -> None:
    """The rest of the body is the first that crosses; what lies behind it follows."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(SWITCH.replace(b"websocket", b"x/1"))
        await visit.send(await visit.reader.readexactly(14))

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(
            b"POST / HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: x/1\r\nContent-Length: 10\r\n\r\n01234"
        )
        await client.reader.readuntil(b"\r\n\r\n")
        await client.send(b"56789tail")
        assert await client.reader.readexactly(14) == b"0123456789tail"
