"""From start to exit: signals, and what they do to a gateway."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Drained(Protocol):
    """Something that serves until it is told to finish."""

    async def drain(self) -> bool:
        """Finish what runs; tell whether all of it could be finished."""
        ...

    async def stop(self) -> None:
        """End at once."""
        ...


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a program's main coroutine on the fastest loop there is, and return its exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop  # noqa: PLC0415  not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def ignore_hangups() -> None:
    """Let no SIGHUP end the process, which it does until somebody listens for it (interface.md, "SIGHUP")."""
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def on_hangup(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call this at each SIGHUP, where there are any."""
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGHUP, call)


class Signals:
    """SIGTERM and SIGINT: the first asks to finish, a second to end at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._first, self._second = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self.arrive)

    def arrive(self) -> None:
        """Take note of a signal, or of anything else that asks for the end."""
        (self._second if self._first.is_set() else self._first).set()

    async def asked(self) -> None:
        """Wait for the first."""
        await self._first.wait()

    async def end(self, what: Drained) -> bool:
        """Drain, unless a second signal comes first; return whether everything was finished."""
        drain = asyncio.ensure_future(what.drain())
        cut = asyncio.ensure_future(self._second.wait())
        await asyncio.wait((drain, cut), return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        if drain.done():
            return drain.result()
        drain.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drain
        await what.stop()
        return False
