"""Coarse time: one timer looks after the deadlines of all connections."""

import asyncio
from collections.abc import Callable
from typing import Protocol

# A deadline is met late by up to this much; finer would cost more for 10,000 connections than it is worth.
STEP = 0.25
NEVER = float("inf")


class Watched(Protocol):
    """Anything with a deadline, in seconds on the sweep's clock."""

    deadline: float

    def expired(self) -> None:
        """The deadline has passed; it has been set to NEVER."""
        ...


class Sweep:
    """Tells what is watched when its deadline has passed. `now` is the time of the last tick."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._timer: asyncio.TimerHandle | None = None
        self.now = time()
        self.watched: set[Watched] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tick every STEP from now on, until `stop()`."""
        self._timer = loop.call_later(STEP, self.start, loop)  # first: a defect in one deadline must not end all others
        self.tick()

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """Look at every deadline once."""
        self.now = now = self._time()
        for watched in [w for w in self.watched if w.deadline < now]:
            if watched.deadline < now:  # what one does may give another more time, or a new task
                watched.deadline = NEVER
                watched.expired()

    def after(self, seconds: float) -> float:
        """The deadline that lies `seconds` ahead, never met early: `now` may be a whole step behind the clock."""
        return self.now + seconds + STEP
