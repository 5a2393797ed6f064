"""1,000 connections of one peer leave room for another, whatever they do and whether they are all that may be open."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.core.limits import Limits
from proxy.wire.connection import RESET
from tests.fakes.authority import Authority
from tests.fakes.gateway import Bench, gateway_to
from tests.fakes.origin import OK, Visit, raw_origin

pytestmark = pytest.mark.usefixtures("loop_factory")

GREEDY, OTHER = "127.0.0.2", "127.0.0.3"
COUNT = 1000
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: g\r\nX-Half: "
SILENT = b"GET /silent HTTP/1.1\r\nHost: g\r\n\r\n"
SLOW_BODY = b"POST /up HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\nx"
SLOW_CHUNKS = b"POST /up HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
# How many of its requests one peer has under way at most.
MOST = 950


async def origin(visit: Visit) -> None:
    """Answer everything but what is to wait."""
    while True:
        arrived = await visit.request()
        if b" /silent " in arrived.line:
            await visit.reader.read()
        await visit.send(OK)


@dataclass
class Shown:
    """A certificate that stays."""

    context: ssl.SSLContext


@contextlib.asynccontextmanager
async def greedy(port: int, says: bytes, count: int = COUNT, local: str = GREEDY) -> AsyncIterator[list[socket.socket]]:
    """Connect so many clients from one address, each of which says something and then nothing more."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(count)]
        for client in clients:
            client.setblocking(False)  # noqa: FBT003  the socket module knows no keyword for it
            client.bind((local, 0))
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, says)
        yield clients


async def served(bench: Bench, tls: ssl.SSLContext | None = None, count: int = 20) -> None:
    """See that others are served at once, each on a connection of its own, one behind the other."""
    for _ in range(count):
        async with asyncio.timeout(10), bench.client(tls, local=OTHER) as other:
            assert (await other.get()).status == 200


@pytest.mark.parametrize("says", [b"", b"G", HALF_A_HEAD], ids=["idle", "a byte", "half a head"])
@pytest.mark.parametrize("limit", [COUNT, COUNT + 100])
async def test_connections_without_a_request(says: bytes, limit: int) -> None:
    """Below the limit there is room; at it the idle ones of whoever has the most are closed for others."""
    async with (
        raw_origin(origin) as there,
        gateway_to(there.port, limits=Limits(max_connections=limit)) as bench,
        greedy(bench.port, says),
    ):
        await bench.until(lambda: len(bench.clients) == COUNT)
        await bench.turns(20)
        if limit == COUNT:
            await bench.pass_time(2)
        await served(bench)


@pytest.mark.parametrize(
    "says", [SILENT, SLOW_BODY, SLOW_CHUNKS], ids=["a silent origin", "slow bodies", "slow chunks"]
)
async def test_requests_that_never_end(says: bytes) -> None:
    """One peer has 950 of 1,000 requests under way: what it asks beyond is refused, what others ask served at once."""
    limits = Limits(max_in_flight=1000, max_connections=2000, max_origin_connections=2000)
    async with (
        raw_origin(origin) as there,
        gateway_to(there.port, limits=limits) as bench,
        greedy(bench.port, says),
    ):
        await bench.until(lambda: len(bench.finished) == COUNT - MOST and bench.gateway.in_flight == MOST)
        assert {(fact.status, fact.code) for fact in bench.finished} == {(503, "overloaded")}
        await served(bench)
        assert bench.gateway.in_flight == MOST


async def test_a_silent_origin_by_default() -> None:
    """Of the 512 connections to it one peer gets 487, and what else it asks waits; others are served at once."""
    async with raw_origin(origin) as there, gateway_to(there.port) as bench, greedy(bench.port, SILENT):
        await there.asked(487)
        await bench.turns(50)
        await served(bench)
        assert (len(there.heads), bench.pool.open) == (487 + 20, 488)
    assert bench.pool._held == {}


async def test_a_connection_that_others_give_back_is_for_others() -> None:
    """Those of the greedy peer that wait are passed over, and served as its own come back."""
    limits = Limits(max_origin_connections=20)  # of which one peer has 19
    async with (
        raw_origin(origin) as there,
        gateway_to(there.port, limits=limits) as bench,
        greedy(bench.port, SILENT, 30) as clients,
        bench.client(local=OTHER) as one,
        bench.client(local="127.0.0.4") as two,
        bench.client(local="127.0.0.4") as three,
    ):
        await there.asked(19)
        await one.send(SILENT)
        await there.asked(20)
        await two.send(b"GET /two HTTP/1.1\r\nHost: g\r\n\r\n")
        await three.send(b"GET /three HTTP/1.1\r\nHost: g\r\n\r\n")
        await bench.until(lambda: len(bench.pool._waiting) == 13)
        one.reset()
        assert [(await each.answer()).status for each in (two, three)] == [200, 200]
        assert len(there.heads) == 22
        for client in clients[:19]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
        await there.asked(22 + 11)


async def test_others_that_are_refused_get_half() -> None:
    """Once the rest is taken too, the greedy peer gets nothing of what becomes free until it has half of all."""
    limits = Limits(max_in_flight=1000, max_connections=3000, max_origin_connections=2000)
    async with (
        raw_origin(origin) as there,
        gateway_to(there.port, limits=limits) as bench,
        greedy(bench.port, SILENT, MOST) as clients,
        greedy(bench.port, SILENT, 1000 - MOST, local="127.0.0.4"),
    ):
        await bench.until(lambda: bench.gateway.in_flight == 1000)
        async with bench.client(local=OTHER) as other:
            assert (await other.get()).status == 503
        for client in clients[:400]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
        await bench.until(lambda: bench.gateway.in_flight == 600)
        async with bench.client(local=GREEDY) as again:
            assert (await again.get()).status == 503
        await served(bench)


@pytest.mark.parametrize("limit", [COUNT, COUNT + 100])
@pytest.mark.parametrize("says", [b"", b"\x16\x03\x01"], ids=["silent", "a record begun"])
async def test_handshakes_that_never_end(says: bytes, limit: int, tmp_path: Path) -> None:
    """They count as idle: a client that speaks TLS is served."""
    authority = Authority(tmp_path)
    certificate = Shown(authority.gateway().context())
    async with (
        raw_origin(origin) as there,
        gateway_to(there.port, limits=Limits(max_connections=limit), certificate=certificate) as bench,
        greedy(bench.port, says),
    ):
        await bench.until(lambda: len(bench.clients) == COUNT)
        if limit == COUNT:
            await bench.pass_time(2)
        await served(bench, authority.trusting(), count=5)
