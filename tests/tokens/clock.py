"""A clock that moves when a test says so."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

# More turns of the loop than any chain of our own callbacks takes; no time passes in them.
TURNS = 25


async def settled() -> None:
    """Let everything run that needs neither time nor a socket."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@dataclass(order=True)
class FakeTimer:
    """A timer of the fake clock."""

    when: float
    number: int
    callback: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


class FakeClock:
    """Monotonic seconds that a test moves; stands where an asyncio loop's time() and call_at() do."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._timers: list[FakeTimer] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """Return the seconds now."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> FakeTimer:
        """Call back once the clock has been moved to `when`, or with its next move."""
        timer = FakeTimer(when, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        return timer

    @property
    def pending(self) -> list[float]:
        """When the timers are due that have neither happened nor been cancelled."""
        return sorted(timer.when for timer in self._timers if not timer.cancelled)

    def advance(self, seconds: float) -> None:
        """Move on, calling back each timer at its own time; what they start runs when the test awaits."""
        end = self._now + seconds
        while self._fire(end):
            pass
        self._now = end

    async def elapse(self, seconds: float) -> None:
        """Move on, and let everything run that each timer starts before the next one happens."""
        end = self._now + seconds
        await settled()
        while self._fire(end):
            await settled()
        self._now = end
        await settled()

    def _fire(self, end: float) -> bool:
        """Call back the next timer due until `end`; tell whether there was one."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        if not self._timers or self._timers[0].when > end:
            return False
        timer = heapq.heappop(self._timers)
        self._now = max(self._now, timer.when)
        timer.callback()
        return True
