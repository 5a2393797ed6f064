"""Accepting for the admin listener: one who asks is answered also where this process can open no further file."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from proxy.admin.door import CONNECTIONS, KEPT, Door
from proxy.core.address import TcpAddress, UnixAddress
from proxy.listen import open_socket
from proxy.process import open_files
from tests.fakes.gateway import RawClient

pytestmark = pytest.mark.usefixtures("loop_factory")


async def hello(_request: web.Request) -> web.Response:
    """Answer."""
    return web.Response(text="hello")


@contextlib.asynccontextmanager
async def door(sock: socket.socket) -> AsyncIterator[Door]:
    """Serve on a socket."""
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    found = Door(runner, sock)
    await found.start()
    try:
        yield found
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def no_files() -> Iterator[None]:
    """Let no further file be opened by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        lowest = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.suppress(OSError):  # what was free below it
            while True:
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


async def client(sock: socket.socket) -> RawClient:
    """Return a client on a connection that the kernel has taken."""
    return RawClient(*await asyncio.open_connection(sock=sock))


def connections(port: int, count: int) -> list[socket.socket]:
    """Return so many connections; nothing of the loop has run meanwhile."""
    found = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]
    for sock in found:
        sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
    return found


async def test_some_are_answered_where_no_file_is_left_and_more_when_they_have_gone() -> None:
    """As many as files were kept back; the next waits, is not closed, and comes in behind one that has left."""
    listening = open_socket(TcpAddress("127.0.0.1", 0))
    async with door(listening) as found:
        waiting = connections(listening.getsockname()[1], KEPT + 1)
        with no_files():
            clients = [await client(sock) for sock in waiting]
            for each in clients[:KEPT]:
                assert (await each.get()).body == b"hello"
            assert found._kept == []
            await clients[KEPT].send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            clients[0].close()
            assert (await clients[KEPT].answer()).body == b"hello"
        for each in clients:
            each.close()
        while len(found._kept) < KEPT:  # noqa: ASYNC110  a timer of the door sees to it
            await asyncio.sleep(0)


async def test_there_are_only_so_many_connections() -> None:
    """Whoever asks is answered, and the oldest have made room; one may be coming beside them."""
    listening = open_socket(TcpAddress("127.0.0.1", 0))
    async with door(listening) as found:
        slow = [await client(sock) for sock in connections(listening.getsockname()[1], 2 * CONNECTIONS)]
        (last,) = [await client(sock) for sock in connections(listening.getsockname()[1], 1)]
        assert (await last.get()).body == b"hello"
        server = found._runner.server
        assert server is not None
        assert CONNECTIONS <= len(server.connections) <= CONNECTIONS + 1
        for each in (*slow, last):
            each.close()


async def test_a_unix_socket(tmp_path: object) -> None:
    """It is accepted on like any other, and is gone with the listener."""
    path = f"{tmp_path}/admin.sock"
    async with door(open_socket(UnixAddress(path))):
        reader, writer = await asyncio.open_unix_connection(path)
        assert (await RawClient(reader, writer).get()).body == b"hello"
        writer.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_unix_connection(path)


async def test_whoever_waits_at_the_end_is_not_let_in() -> None:
    """A listener that stops leaves neither task nor file."""
    before = open_files()
    listening = open_socket(TcpAddress("127.0.0.1", 0))
    async with door(listening):
        late = connections(listening.getsockname()[1], 3)
    for sock in late:
        sock.close()
    await asyncio.sleep(0)
    assert open_files() == before
