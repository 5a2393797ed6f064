"""How bytes leave, and how the coroutine of a connection is woken."""

import asyncio


class Outbox:
    """Gathers what is written during one turn of the loop and writes it at the turn's end.

    Writing at once makes clients and origins answer one by one and costs half as much again per request under load.
    Rule of order: whoever closes a transport, or ends its sending, posts first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: dict[asyncio.Transport, list[bytes]] = {}

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write `data` at the end of this turn, behind what was sent before."""
        letters = self._letters
        if not letters:
            self._loop.call_soon(self.post)
        pieces = letters.get(transport)
        if pieces is None:
            letters[transport] = [data]
        else:
            pieces.append(data)

    def post(self) -> None:
        """Write everything now."""
        letters = self._letters
        if not letters:
            return
        self._letters = {}
        for transport, pieces in letters.items():
            if not transport.is_closing():
                transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))


class Flow:
    """What the coroutine of one client connection waits on; both its protocols wake it.

    One coroutine waits at a time. It looks at the state, waits if there is nothing to do, and looks again: a wake
    between the look and the wait cannot happen, because nothing runs between them.
    """

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait until somebody calls `wake()`."""
        self._future = self._loop.create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Let the waiting coroutine look again; nothing happens if none waits."""
        future = self._future
        if future is not None and not future.done():
            future.set_result(None)
