"""Accepting: the limit, those who wait, handshakes, and what happens when no file can be opened."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import trustme

from proxy.core.address import TcpAddress, UnixAddress
from proxy.core.timeouts import Timeouts
from proxy.core.tls_events import HandshakeFailed
from proxy.listen import open_socket
from proxy.wire.client import ClientConnection
from proxy.wire.clients import Clients
from proxy.wire.connection import Wire
from proxy.wire.flow import Outbox
from proxy.wire.handshake import Handshake
from proxy.wire.listener import Listener
from proxy.wire.sweep import Sweep
from tests.fakes.gateway import RawClient, Time

pytestmark = pytest.mark.usefixtures("loop_factory")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
GET = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"


async def serve(client: ClientConnection) -> None:
    """Answer everything with OK."""
    while (await client.next_request()) is not None:
        client.own_answer(OK, b"ok")
    client.finish()


@dataclass
class Stand:
    """A listener alone, with a clock that a test moves."""

    limit: int
    tls: ssl.SSLContext | None = None
    address: TcpAddress | UnixAddress = TcpAddress("127.0.0.1", 0)
    starved: list[OSError] = field(default_factory=list)
    failed: list[HandshakeFailed] = field(default_factory=list)
    kind: type[Listener] = Listener
    timeouts: Timeouts = Timeouts()
    time: Time = field(default_factory=Time)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Stand"]:
        """Listen."""
        loop = asyncio.get_running_loop()
        self.wire = wire = Wire(loop, Outbox(loop), Sweep(self.time))
        self.clients = Clients(self.limit)
        sock = open_socket(self.address)
        self.port = sock.getsockname()[1] if isinstance(self.address, TcpAddress) else 0
        tls = None if self.tls is None else Handshake(SimpleNamespace(context=self.tls), self.failed.append)
        self.listener = self.kind(wire, sock, self.clients, self.client, self.starved.append, tls)
        self.listener.start()
        try:
            yield self
        finally:
            self.listener.close()
            for client in self.clients:
                client.abort()
            await self.clients.gone()
            await asyncio.sleep(0)

    def client(self, address: str) -> ClientConnection:
        """Return a connection that answers OK."""
        return ClientConnection(self.wire, self.timeouts, serve, self.clients, address)

    async def turns(self, count: int = 50) -> None:
        """Let what is under way on loopback happen."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and what follows from it happen."""
        self.time.now += seconds
        self.wire.sweep.tick()
        await self.turns()

    async def accepted(self, count: int) -> None:
        """Wait until so many clients have been accepted."""
        while len(self.clients) < count:  # noqa: ASYNC110  the listener tells nobody, it is looked at
            await asyncio.sleep(0)
        await self.turns()

    @property
    def connections(self) -> list[ClientConnection]:
        """The clients' connections."""
        return [client for client in self.clients if isinstance(client, ClientConnection)]


def connected(port: int) -> socket.socket:
    """Return a connection that the kernel has taken; nothing of the loop has run meanwhile."""
    return socket.create_connection(("127.0.0.1", port), timeout=5)


@contextlib.contextmanager
def no_files() -> Iterator[None]:
    """Let no further file be opened by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_at_the_limit_the_next_waits_and_is_accepted_when_another_has_gone() -> None:
    """Nothing is accepted and then dropped: who waits is served with what it has sent meanwhile."""
    async with Stand(limit=2).open() as stand, RawClient.to(stand.port) as one, RawClient.to(stand.port):
        await stand.accepted(2)
        async with RawClient.to(stand.port) as third:
            await third.send(GET)
            await stand.turns()
            assert len(stand.clients) == 2
            one.close()
            assert (await third.answer()).body == b"ok"
            assert len(stand.clients) == 2


async def test_the_limit_is_met_to_the_connection() -> None:
    """A burst is accepted one by one: never one too many."""
    async with Stand(limit=10).open() as stand:
        waiting = [connected(stand.port) for _ in range(30)]
        most = 0
        for _ in range(100):
            await asyncio.sleep(0)
            most = max(most, len(stand.clients))
        assert most == 10
        for number in range(20):
            waiting[number].close()
            await stand.turns()
        assert len(stand.clients) == 10
        for each in waiting[20:]:
            each.sendall(GET)
        await stand.turns(200)
        assert [each.recv(100)[:15] for each in waiting[20:]] == [b"HTTP/1.1 200 OK"] * 10
        for each in waiting[20:]:
            each.close()


async def test_who_is_idle_makes_room_for_who_waits() -> None:
    """Not before it has had its second; then the one that is idle for longest goes, whole answers behind it."""
    async with Stand(limit=2).open() as stand, RawClient.to(stand.port) as old, RawClient.to(stand.port) as young:
        await stand.accepted(2)
        await stand.pass_time(0.9)
        assert (await young.get()).status == 200
        async with RawClient.to(stand.port) as third:
            await third.send(GET)
            await stand.turns()
            assert len(stand.clients) == 2
            await stand.pass_time(0.5)
            assert (await third.answer()).body == b"ok"
            assert await old.ended()
            assert (await young.get()).status == 200


async def test_a_head_that_drips_makes_room_too() -> None:
    """Who has begun a head and does not end it holds nobody up."""
    async with Stand(limit=1).open() as stand, RawClient.to(stand.port) as slow:
        await slow.send(b"GET / HTTP/1.1\r\nHo")
        await stand.accepted(1)
        await stand.turns()
        async with RawClient.to(stand.port) as other:
            await other.send(GET)
            await stand.turns()
            assert len(stand.clients) == 1
            await stand.pass_time(2)
            assert (await other.answer()).body == b"ok"
        assert await slow.ended()


async def test_out_of_files_accepting_rests() -> None:
    """No spinning, one line a minute, and the client that has waited is served."""
    async with Stand(limit=10).open() as stand:
        client = connected(stand.port)
        client.sendall(GET)
        with no_files():
            await stand.turns()
            assert (len(stand.clients), len(stand.starved), stand.listener._paused) == (0, 1, True)
            for _ in range(20):
                await stand.pass_time(2)
            assert (len(stand.starved), stand.starved[0].strerror) == (1, "Too many open files")
            await stand.pass_time(25)
            assert (len(stand.clients), len(stand.starved)) == (0, 2)
        await stand.pass_time(2)
        await stand.accepted(1)
        await stand.turns()
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        client.close()


async def test_out_of_files_who_is_idle_makes_room() -> None:
    """As at the limit: a closed connection is a file for the next."""
    async with Stand(limit=10).open() as stand, RawClient.to(stand.port) as idle:
        await stand.accepted(1)
        await stand.pass_time(2)
        client = connected(stand.port)
        client.sendall(GET)
        with no_files():
            await stand.turns()
            assert await idle.ended()
            await stand.turns()
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        client.close()


async def test_a_unix_socket(tmp_path: object) -> None:
    """Its peers have no address, and are one peer."""
    path = f"{tmp_path}/s"
    async with Stand(limit=1, address=UnixAddress(path)).open() as stand:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert [client.share.peer for client in stand.connections] == ["unix:"]
        writer.close()
        await writer.wait_closed()


# --- TLS
@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority for certificates."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the listener's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the client's side of TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def get_over_tls(port: int, context: ssl.SSLContext) -> bytes:
    """Send a GET over TLS and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    writer.write(GET)
    answer = await reader.readuntil(b"ok")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def test_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Served over TLS; a client that speaks something else is let go, and does not count any more."""
    async with Stand(limit=1, tls=server_tls).open() as stand:
        async with RawClient.to(stand.port) as plain:
            await plain.send(GET)
            with contextlib.suppress(ConnectionError):
                await plain.reader.read()  # perhaps an alert, then the end
        await stand.clients.gone()
        assert (await get_over_tls(stand.port, client_tls)).startswith(b"HTTP/1.1 200")


async def test_a_handshake_that_does_not_begin_makes_room(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """It counts as a connection from the start, and as an idle one."""
    async with Stand(limit=1, tls=server_tls).open() as stand, RawClient.to(stand.port) as silent:
        await stand.accepted(1)
        other = asyncio.create_task(get_over_tls(stand.port, client_tls))
        await stand.turns()
        assert not other.done()
        await stand.pass_time(2)
        assert (await other).startswith(b"HTTP/1.1 200")
        assert await silent.ended()


async def test_the_end_of_a_listener_ends_handshakes(server_tls: ssl.SSLContext) -> None:
    """Nothing of them is left, once the time that a handshake has is over: the loop's own, so it is short here."""
    stand = Stand(limit=10, tls=server_tls, timeouts=Timeouts(client_header=0.5))
    async with stand.open(), RawClient.to(stand.port) as silent:
        await stand.accepted(1)
        stand.listener.close()
        await stand.clients.gone()
        assert await silent.ended()


async def test_a_client_that_leaves_while_it_is_connected() -> None:
    """Reset before anything of it was looked at: it is forgotten, and the next is served."""
    async with Stand(limit=1).open() as stand:
        for _ in range(20):
            gone = connected(stand.port)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
        async with RawClient.to(stand.port) as client:
            assert (await client.get()).body == b"ok"


class Hasty(Listener):
    """One that lets each client go before it has begun to connect."""

    def _join(self, sock: socket.socket, address: str) -> None:
        super()._join(sock, address)
        for client in self._clients:
            client.leave()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_is_let_go_before_it_begins(*, tls: bool) -> None:
    """Its connection ends with it, and nothing is told of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    async with Stand(limit=2, tls=context, kind=Hasty).open() as stand, RawClient.to(stand.port) as client:
        assert await client.ended()
        await stand.clients.gone()
        assert (stand.failed, stand.starved, stand.listener._joining) == ([], [], set())
