"""The clock that is handed in, and deadlines on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen; after it has happened, do nothing."""
        ...


class Clock(Protocol):
    """Monotonic seconds and timers on them; an asyncio loop is one."""

    def time(self) -> float:
        """Return the seconds now."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call `callback` at `when`, or soon if that has passed; never from within this call."""
        ...


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """End the body with TimeoutError once `seconds` have passed: asyncio.timeout() on a clock that is handed in."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a deadline needs a task to end")
    overdue, cancelled_before = False, task.cancelling()

    def strike() -> None:
        nonlocal overdue
        overdue = True
        task.cancel()

    timer = clock.call_at(clock.time() + seconds, strike)
    try:
        yield
    except asyncio.CancelledError:
        if overdue and task.uncancel() <= cancelled_before:  # else somebody else wants the task gone as well
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Wait: asyncio.sleep() on a clock that is handed in."""
    over = asyncio.Event()
    timer = clock.call_at(clock.time() + seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()
