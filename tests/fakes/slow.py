"""A client that takes its answers when a test says so, through buffers as small as they get."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from proxy.wire.client import ClientConnection
from tests.fakes.gateway import Bench

SMALL = 4096  # bytes; the kernel takes a little more all the same


@dataclass
class SlowClient:
    """A client's socket, and the gateway's connection to it."""

    sock: socket.socket
    connection: ClientConnection

    @property
    def left(self) -> int:
        """How many bytes the gateway has written that the client has not taken."""
        return self.connection.transport.get_write_buffer_size()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def take(self, at_most: int) -> bytes:
        """Take some of what has come, or wait for it; nothing at the end."""
        try:
            return await asyncio.get_running_loop().sock_recv(self.sock, at_most)
        except ConnectionError:
            return b""

    async def take_all(self) -> int:
        """Take everything up to the end, and return how many bytes it was."""
        count = 0
        while data := await self.take(65536):
            count += len(data)
        return count

    def end(self) -> None:
        """Finish sending."""
        self.sock.shutdown(socket.SHUT_WR)


@contextlib.asynccontextmanager
async def slow_client(bench: Bench) -> AsyncIterator[SlowClient]:
    """Connect a slow client to a gateway that has no other."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sock.setblocking(False)  # noqa: FBT003  the socket module knows no keyword for it
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", bench.port))
        await bench.until(lambda: len(bench.clients) == 1)
        connection = bench.connection()
        here = connection.transport.get_extra_info("socket")
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        yield SlowClient(sock, connection)
