"""What is different when the origin is behind TLS: ends without a goodbye, tunnels that cannot half-close."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from proxy.wire.client import ClientConnection
from proxy.wire.origin import through
from tests.fakes.gateway import RawClient
from tests.fakes.origin import RawOrigin, Script, Visit
from tests.fakes.server import serving
from tests.intermediary.test_upgrade import echo, opened
from tests.test_app import client_of, config, running
from tests.test_app_tls import server_context

pytestmark = pytest.mark.usefixtures("loop_factory")

CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\n\r\nall there is"


@contextlib.asynccontextmanager
async def client_to(script: Script, folder: Path) -> AsyncIterator[RawClient]:
    """Connect to a gateway in front of this origin, without a credential."""
    context = server_context(folder)
    async with serving(RawOrigin(script).visit, context) as port:
        upstream = Upstream("https", "localhost", port)
        base = config(port)
        route = replace(
            base.routes[0], upstream=upstream, credential=None, verification=Verification(str(folder / "ca.pem"))
        )
        async with running(replace(base, routes=(route,))) as app, client_of(app) as client:
            yield client


async def test_an_answer_that_ends_with_a_goodbye_is_whole(tmp_path: Path) -> None:
    """close_notify says that all has been sent (RFC 9112 §9.8)."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(CLOSE_DELIMITED)

    async with client_to(script, tmp_path) as client:
        answer = await client.get()
    assert (answer.status, answer.body, answer.whole) == (200, b"all there is", True)


async def test_an_answer_that_just_ends_is_not_whole(tmp_path: Path) -> None:
    """A connection cut on the way looks like its end; the client is told by a cut of its own."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(CLOSE_DELIMITED)
        visit.writer.transport.abort()

    async with client_to(script, tmp_path) as client:
        assert not (await client.get()).whole


async def test_a_tunnel_over_tls(tmp_path: Path) -> None:
    """The same bytes, much of them, both ways."""
    async with client_to(echo, tmp_path) as client:
        await opened(client, b"first")
        assert await client.reader.readexactly(5) == b"first"
        for size in (1, 1000, 100_000, 1_000_000):
            await client.send(bytes(size))
            assert await client.reader.readexactly(size) == bytes(size)


async def test_a_tunnel_over_tls_ends_when_either_side_does(tmp_path: Path) -> None:
    """TLS cannot half-close here: an end is an end for both."""

    async def says_goodbye(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbye")

    async with client_to(says_goodbye, tmp_path) as client:
        await opened(client)
        assert await client.reader.read() == b"bye"


async def test_an_early_answer_while_the_body_waits_below_tls(tmp_path: Path) -> None:
    """What TLS has taken may not have left: the connection takes no other request."""
    answer, asked = asyncio.Event(), asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.head()
        asked.set()
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await answer.wait()
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await visit.origin.asked(2)

    context = server_context(tmp_path)
    async with serving(RawOrigin(slow).visit, context) as port:
        base, trusted = config(port), Verification(str(tmp_path / "ca.pem"))
        upstream = Upstream("https", "localhost", port)
        route = replace(base.routes[0], upstream=upstream, credential=None, verification=trusted)
        async with running(replace(base, routes=(route,))) as app, client_of(app) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
            await asked.wait()
            connection = next(iter(app.clients))
            assert isinstance(connection, ClientConnection)
            assert connection.peer is not None
            there = connection.peer.transport
            while through(there):  # until neither the kernel nor the origin's own TLS takes any more
                await client.send(b"4000\r\n" + bytes(16384) + b"\r\n")
                for _ in range(200):
                    await asyncio.sleep(0)
            await client.send(b"0\r\n\r\n")
            for _ in range(200):
                await asyncio.sleep(0)
            assert not through(there)
            answer.set()
            assert (await client.answer()).body == b"big"
            (pool,) = app.pools.values()
            assert (pool.open, pool.idle) == (0, 0)
