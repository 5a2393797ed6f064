"""How bytes leave, and how the coroutine of a connection is woken."""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Coroutine, Generator
from itertools import repeat
from typing import Any, TypeVar

T = TypeVar("T")

# One turn of the loop may read megabytes from one socket. What is more than this, in bytes, is written as it comes, so
# that a slow receiver is noticed before it costs more than its write buffer.
MUCH = 16 * 1024


class Outbox:
    """Gathers what is written during one turn of the loop and writes it at the turn's end.

    Writing at once makes clients and origins answer one by one and costs half as much again per request under load.
    Rule of order: whoever closes a transport, or ends its sending, posts first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._context = contextvars.copy_context()  # else each turn would copy one of its own
        self._letters: dict[asyncio.Transport, list[bytes]] = {}

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write `data` at the end of this turn, behind what was sent before."""
        letters = self._letters
        if not letters:
            self._loop.call_soon(self.post, context=self._context)
        pieces = letters.get(transport)
        if pieces is None:
            letters[transport] = [data]
        else:
            pieces.append(data)
            if len(data) > MUCH:
                self.post()

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
    """Runs the coroutine of one client connection, which waits for `await flow` and nothing else.

    `wake()` resumes it at once, inside the call: no task, no future, no turn of the loop lies between a read and what
    follows from it, which is worth a tenth of a request's cost. What needs asyncio (a login, a connection) is run
    beside it, by `beside()`. The coroutine looks at the state, waits if there is nothing to do, and looks again.
    """

    __slots__ = ("_coroutine", "_loop", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._running = False

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine up to its first wait."""
        self._coroutine = coroutine
        self.wake()

    def __await__(self) -> Generator["Flow", None, None]:
        """Wait until somebody calls `wake()`."""
        return repeat(self, 1)  # type: ignore[return-value]  # as `yield self`, without a frame of Python for it

    def wake(self) -> None:
        """Let the coroutine look again. Without effect while it runs, for it looks before it waits, and at its end."""
        coroutine = self._coroutine
        if self._running or coroutine is None:
            return
        self._running = True
        try:
            waits_for = coroutine.send(None)
            assert waits_for is self, f"awaited beside the flow: {waits_for!r}"  # noqa: S101  a defect
        except (StopIteration, asyncio.CancelledError):
            self._coroutine = None
        except BaseException:
            self._coroutine = None
            raise
        finally:
            self._running = False

    def end(self) -> None:
        """End the coroutine where it stands; what it holds is freed on its way out."""
        coroutine = self._coroutine
        if coroutine is not None and not self._running:
            self._coroutine = None
            with contextlib.suppress(StopIteration, asyncio.CancelledError):
                coroutine.throw(asyncio.CancelledError())

    async def beside(self, work: Coroutine[Any, Any, T], undo: Callable[[T], object]) -> T:
        """Await what needs a task of its own, and return its result. Raises what it raises.

        If this flow is ended meanwhile the task is cancelled; a result that it has all the same goes to `undo`.
        """
        task = self._loop.create_task(work)
        task.add_done_callback(lambda _: self.wake())
        try:
            while not task.done():
                await self
        except BaseException:
            task.cancel()
            task.add_done_callback(lambda done: _undone(done, undo))
            raise
        try:
            return task.result()
        finally:
            del task  # an error of its own holds this frame


def _undone(task: "asyncio.Task[T]", undo: Callable[[T], object]) -> None:
    if not task.cancelled() and task.exception() is None:
        undo(task.result())
