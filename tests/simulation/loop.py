"""Time that passes only when there is nothing left to do."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

# More turns than anything does without time passing; beyond it, something spins.
TURNS = 200_000
# Where the clock begins, in seconds: a multiple of nothing, as uptimes are.
BEGINNING = 1000.0


class Standstill(Exception):
    """Everybody waits, and nothing will ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without a selector: instead of waiting for the next timer, it sets its clock to it.

    Callbacks run in the order in which they were asked for, so a run is the same each time. What would go to a thread
    runs at once. `faults` has what callbacks and forgotten tasks raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINNING
        self.faults: list[str] = []
        self._turns = 0
        self._selector = self  # BaseEventLoop asks it for events, once a turn
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Return the virtual seconds."""
        return self.now

    def select(self, timeout: float | None) -> tuple[()]:
        """Let the time pass that lies before the next timer; there are no events. Raises Standstill."""
        if timeout:
            self._turns = 0
            self.now += timeout
        else:
            self._turns += 1
            if timeout is None or self._turns > TURNS:
                self._turns = 0  # whoever cleans up may turn as often again
                raise Standstill("nothing to wait for" if timeout is None else "spinning")
        return ()

    def pending(self) -> list[str]:
        """Return what is still to happen by timer."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # nobody else knows them
        return sorted(repr(timer) for timer in timers if not timer.cancelled())

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: object) -> "asyncio.Future[Any]":
        """Run a function that may block, here and now."""
        del executor
        future = self.create_future()
        try:
            future.set_result(contextvars.copy_context().run(func, *args))
        except Exception as error:  # noqa: BLE001  whatever it raises is its caller's
            future.set_exception(error)
        return future

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")

    # --- what BaseEventLoop wants of its subclasses
    def _process_events(self, events: tuple[()]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """No other thread ever wakes this loop."""
