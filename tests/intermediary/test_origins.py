"""Origins that close at once, answer early or in part, take nothing, or say what they must not."""

import asyncio
import contextlib
import hashlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from proxy.core.injection import Injection, Place
from proxy.core.limits import MIB, Limits
from proxy.wire.client import ClientConnection
from proxy.wire.origin import OriginConnection
from tests.fakes.gateway import complaints, gateway_to, upstream
from tests.fakes.origin import OK, UNAUTHORIZED, Visit, raw_origin
from tests.intermediary.test_spool import content
from tests.intermediary.test_upgrade import HANDSHAKE, SWITCH

pytestmark = pytest.mark.usefixtures("loop_factory")

SMALL = Limits(replay_buffer=10, replay_spool=100)
BIG = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"


@contextlib.asynccontextmanager
async def slammed_door(*, reset: bool) -> AsyncIterator[int]:
    """Listen on a port whose connections are closed as soon as they are accepted."""
    loop, server = asyncio.get_running_loop(), socket.create_server(("127.0.0.1", 0))
    server.settimeout(0)

    async def accept() -> None:
        while True:
            connection, _ = await loop.sock_accept(server)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    accepting = asyncio.create_task(accept())
    try:
        yield server.getsockname()[1]
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        server.close()


@pytest.mark.parametrize("reset", [False, True])
async def test_an_origin_that_closes_what_it_accepts(*, reset: bool) -> None:
    """The connection may be lost before it is asked anything; nothing would ever tell that again."""
    async with slammed_door(reset=reset) as port, gateway_to(port) as bench:
        for _ in range(5):
            async with bench.client() as client, asyncio.timeout(3):
                answer = await client.get()
            assert (answer.status, b"connection_terminated" in answer.body) == (502, True)
        assert (bench.pool.open, bench.gateway.in_flight) == (0, 0)


@pytest.mark.parametrize("path", ["/iam/login", "/large"])
async def test_the_request_behind_one_whose_body_nobody_took(path: str) -> None:
    """Answered by the gateway, or before the body was asked for: the connection is read on."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.send(BIG if b"Expect" in await visit.head() else OK)

    async with raw_origin(script) as origin, gateway_to(origin.port, limits=SMALL) as bench, bench.client() as client:
        await client.send(f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: 200\r\n\r\n".encode() + bytes(200))
        answer = await client.answer()
        assert (answer.status in {403, 413}, answer.values(b"connection")) == (True, [])
        async with asyncio.timeout(3):
            assert (await client.get()).body == b"ok"


@pytest.mark.parametrize("cut", range(1, len(b"HTTP/1.1 200 OK\r\n")))
async def test_an_interim_answer_and_the_beginning_of_the_final_one_in_one_read(cut: int) -> None:
    """A segment may end anywhere in the second head as well."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK[:cut])
        await visit.origin.left.wait()
        await visit.send(OK[cut:])

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await client.answer()).status == 103
        origin.left.set()
        assert (await client.answer()).body == b"ok"


@pytest.mark.parametrize("size", [MIB, 3 * MIB])
async def test_a_replay_from_the_file_to_an_origin_that_answers_while_it_reads(size: int) -> None:
    """The head of its answer must not stop what is sent again."""
    body = content(size)

    async def script(visit: Visit) -> None:
        while True:
            head = await visit.head()
            if b"token-1" in head:
                await visit.body(head)
                await visit.send(UNAUTHORIZED)
                continue
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n")
            await visit.send(hashlib.sha256(await visit.body(head)).hexdigest().encode())

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size + body)
        async with asyncio.timeout(5):
            assert (await client.answer()).body.decode() == hashlib.sha256(body).hexdigest()


async def stuck(visit: Visit) -> None:
    """Take a head and nothing more."""
    await visit.head()
    visit.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await visit.origin.asked(99)


async def test_an_origin_that_takes_nothing_of_an_upload() -> None:
    """`timeouts.idle` bounds it, also where the body that still comes was read in the turn that filled the buffer."""
    async with raw_origin(stuck) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        client.writer.write(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 50000000\r\n\r\n" + bytes(30 * MIB))
        await origin.asked(1)
        await bench.until(lambda: next(iter(bench.clients)).held)  # type: ignore[attr-defined]
        await bench.pass_time(301)
        async with asyncio.timeout(3):
            assert (await client.answer()).status == 504
        client.writer.transport.abort()


async def test_a_client_that_left_while_its_upload_was_stuck() -> None:
    """What goes wrong with one connection does not stop the clock of all."""
    failed: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    async with raw_origin(stuck) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            client.writer.write(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 50000000\r\n\r\n" + bytes(30 * MIB))
            await origin.asked(1)
            await bench.until(lambda: next(iter(bench.clients)).held)  # type: ignore[attr-defined]
            client.reset()
        await bench.pass_time(400)
        await bench.pass_time(400)
        assert (await bench.facts(1))[0].code == "upstream_timeout"
        await bench.clients.gone()
    assert failed == []


@pytest.mark.parametrize("tunnel", [False, True])
async def test_a_client_that_takes_nothing_behind_its_last_answer(*, tunnel: bool) -> None:
    """What waits for it is less than what makes a connection full; the close must not wait for ever."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send((SWITCH if tunnel else b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n") + bytes(300_000))
        if tunnel:
            visit.reset()
        await visit.reader.read()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", bench.port))
            await bench.until(lambda: len(bench.clients))
            connection = next(iter(bench.clients))
            buffer = connection.transport.get_extra_info("socket")  # type: ignore[attr-defined]
            buffer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sock.send(HANDSHAKE if tunnel else b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
            await bench.facts(1)
            for _ in range(3):
                await bench.pass_time(301)
            await bench.until(lambda: not len(bench.clients))


async def test_a_base_path_taken_off_leaves_no_authority() -> None:
    """`/base//evil.example/` may not become `//evil.example/`, which a client would follow elsewhere."""

    async def script(visit: Visit) -> None:
        target = (await visit.request()).line.split(b" ")[1]
        await visit.send(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: %b/\r\n\r\n" % target)

    async with (
        raw_origin(script) as origin,
        gateway_to(origin.port, route=lambda route: replace(route, upstream=upstream(origin.port, b"/base"))) as bench,
        bench.client() as client,
    ):
        assert (await client.get("//evil.example")).values(b"location") == [b"/.//evil.example/"]


async def test_a_client_that_has_finished_sending_before_the_switch() -> None:
    """Its end is the tunnel's first event."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await gate.wait()
        await visit.send(SWITCH)
        assert await visit.reader.read() == b""
        await visit.send(b"bye")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(HANDSHAKE)
        client.writer.write_eof()
        await origin.got(1)
        await bench.turns(20)
        gate.set()
        async with asyncio.timeout(3):
            await client.reader.readuntil(b"\r\n\r\n")
            assert await client.reader.read() == b"bye"


async def test_an_early_answer_while_the_body_waits_in_our_buffer() -> None:
    """The request is not through yet: its connection takes no other."""
    answer = asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.head()
        if visit.number > 1:
            await visit.send(OK)
            return
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await answer.wait()
        await visit.send(BIG)
        await visit.origin.asked(2)

    async with raw_origin(slow) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        await origin.asked(1)
        connection = next(iter(bench.clients)).peer  # type: ignore[attr-defined]
        while not connection.transport.get_write_buffer_size():  # until the kernel takes no more
            await client.send(b"10000\r\n" + bytes(65536) + b"\r\n")
            await bench.turns(10)
        await client.send(b"0\r\n\r\n")
        await bench.turns(10)
        answer.set()
        assert (await client.answer()).body == b"big"
        assert (bench.pool.open, bench.pool.idle) == (0, 0)


async def test_an_upload_that_goes_on_behind_an_early_head() -> None:
    """Bytes cross: the exchange is not idle."""

    async def script(visit: Visit) -> None:
        head = await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await visit.body(head)
        await visit.send(b"ok")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 50\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        for _ in range(5):
            await client.send(bytes(10))
            await bench.turns(50)
            await bench.pass_time(100)
        assert await client.reader.readexactly(2) == b"ok"


async def test_chunks_from_a_1_0_origin() -> None:
    """RFC 9112 §6.1: whatever the answer says, its connection is not used again."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(
                b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            )

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        assert [(await client.get()).body for _ in range(2)] == [b"ok", b"ok"]
    assert [arrived.connection for arrived in origin.arrived] == [1, 2]


async def test_an_injected_parameter_does_not_come_back_in_an_interim_answer() -> None:
    """Link in 103 is read as Link in 200 is."""
    link = b"Link: </style.css?token=token-1>; rel=preload\r\n"

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(
            b"HTTP/1.1 103 Early Hints\r\n" + link + b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + link + b"\r\n"
        )

    async with (
        raw_origin(script) as origin,
        gateway_to(
            origin.port, route=lambda route: replace(route, injection=Injection(Place.QUERY, b"token", b"", b""))
        ) as bench,
        bench.client() as client,
    ):
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        interim, final = await client.answer(), await client.answer()
    assert final.values(b"link") == [b"</style.css>; rel=preload"]
    assert interim.values(b"link") == final.values(b"link")


@pytest.mark.parametrize("status", [b"103 Early Hints", b"200 OK\r\nContent-Length: 0"])
async def test_a_port_of_many_digits_is_no_port(status: bytes) -> None:
    """Nor is it a defect of ours, in whichever answer."""
    heard = complaints()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 %b\r\nLink: <http://127.0.0.1:%b/>\r\n\r\n" % (status, b"1" * 5000))
        await visit.reader.read()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert ((await client.answer()).status, heard) == (int(status[:3]), [])


async def test_a_connection_that_comes_back_in_the_turn_that_asks_for_one() -> None:
    """The wait begins a turn later: what lies idle by then is not waited for."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.origin.left.wait()
        while True:
            await visit.request()
            await visit.send(OK)

    one_only = Limits(max_origin_connections=1)
    async with raw_origin(script) as origin, gateway_to(origin.port, limits=one_only) as bench, bench.client() as one:
        await one.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.asked(1)
        first = bench.connection()
        async with bench.client() as other:
            await bench.until(lambda: len(bench.clients) == 2)
            second = next(client for client in bench.clients if client is not first)
            assert isinstance(second, ClientConnection)
            assert isinstance(first.peer, OriginConnection)
            there = first.peer
            second.data_received(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")  # both in one turn of the loop
            there.data_received(OK)
            origin.left.set()
            assert (await one.answer()).body == b"ok"
            async with asyncio.timeout(3):
                assert (await other.answer()).status == 200


async def test_who_waits_for_a_connection_comes_before_who_comes_now() -> None:
    """A connection that comes back is the first one's in line, not that of a busy client in the same turn."""
    async with raw_origin() as origin, gateway_to(origin.port, limits=Limits(max_origin_connections=1)) as bench:
        pool = bench.pool
        taken = await pool.connect(1.0)
        waiting = asyncio.create_task(pool.connect(5.0))
        await bench.until(lambda: pool._waiting)
        taken.clean = True
        pool.give_back(taken)
        assert pool.idle == 1
        assert pool.take(careful=False) is None
        assert await waiting is taken
        taken.clean = True
        pool.give_back(taken)
        assert pool.take(careful=False) is taken
        pool.give_back(taken)
