"""A scripted end of a connection: a coroutine reads what it wants and writes what it likes."""

import asyncio

from tests.simulation.network import End


class Cut(Exception):
    """The connection ended before all that was awaited had come."""


class Peer(asyncio.Protocol):
    """The protocol of a client, or of an origin, in the hands of a coroutine.

    `ended` is None, or how the other side went: "end" or "reset"; `gateway` is the number of the one at the other end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, gateway: int) -> None:
        self.gateway = gateway
        self.end: End
        self.ended: str | None = None
        self.buffer = bytearray()
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    # --- asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, End)
        self.end = transport

    def data_received(self, data: bytes) -> None:
        """Keep what has come."""
        self.buffer += data
        self._wake()

    def eof_received(self) -> bool:
        """Go on: the other side may still listen."""
        self.ended = self.ended or "end"
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        if exc is not None or self.ended is None:
            self.ended = "reset"
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- what a script does
    async def more(self) -> None:
        """Wait until something has come. Raises Cut when nothing more will."""
        if self.ended:
            raise Cut(self.ended)
        self._waiter = self._loop.create_future()
        await self._waiter

    async def until(self, mark: bytes) -> bytes:
        """Return what comes up to a mark, with it. Raises Cut."""
        while (at := self.buffer.find(mark)) < 0:
            await self.more()
        return self.take(at + len(mark))

    async def exactly(self, size: int) -> bytes:
        """Return so many bytes. Raises Cut."""
        while len(self.buffer) < size:
            await self.more()
        return self.take(size)

    async def gone(self) -> None:
        """Wait for the end, whatever still comes."""
        while not self.ended:
            await self.more()

    def take(self, size: int) -> bytes:
        """Return so many bytes of what has come."""
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def send(self, data: bytes) -> None:
        """Write."""
        if not self.end.is_closing():
            self.end.write(data)

    def finish(self) -> None:
        """Send no more."""
        if not self.end.is_closing():
            self.end.write_eof()

    def close(self) -> None:
        """Go in good order."""
        self.end.close()

    def reset(self) -> None:
        """Go with a reset."""
        self.end.get_extra_info("socket").resets = True
        self.end.abort()
