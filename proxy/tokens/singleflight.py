"""One run at a time, shared by all who wait for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class RunCancelled(Exception):
    """The run was ended by `close`; nobody who waited for it was cancelled."""


class SingleFlight(Generic[T]):
    """A run in flight, or none.

    Whoever waits may be cancelled at any time: the run goes on, for the others and for what it leaves behind. It is
    cancelled by `close` alone.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    @property
    def flying(self) -> bool:
        """Whether a run is in flight."""
        return self._task is not None and not self._task.done()

    def begin(self, run: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Begin this run, unless one is in flight; to be called in a running loop."""
        if not self.flying:
            self._task = asyncio.get_running_loop().create_task(run())
            self._task.add_done_callback(self._landed)

    async def join(self) -> T:
        """Return what the run in flight returns; raises what it raises, RunCancelled after `close`."""
        task = self._task
        if task is None:
            raise RuntimeError("there is no run in flight")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if task.cancelled() and waiter is not None and not waiter.cancelling():
                raise RunCancelled from None
            raise

    async def close(self) -> None:
        """Cancel the run and wait until it has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _landed(self, task: asyncio.Task[T]) -> None:
        if self._task is task:
            self._task = None
        if not task.cancelled():
            task.exception()  # retrieved: all who waited may have left
