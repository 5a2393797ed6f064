"""Three clocks: the loop's, the wall's, the platform's."""

import asyncio

# 2026-01-01, so that dates read like dates.
EPOCH = 1_767_225_600.0


class Clocks:
    """The loop counts the time that the machine is awake; the wall and the platform go on while it sleeps.

    `skew` is how far the platform's clock is ahead of the true time. All in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, skew: float) -> None:
        self._loop = loop
        self._skew = skew
        self._slept = 0.0
        self._stepped = 0.0

    def true(self) -> float:
        """Return the time as it is, since the epoch."""
        return EPOCH + self._loop.time() + self._slept

    def wall(self) -> float:
        """Return what the machine's wall clock shows."""
        return self.true() + self._stepped

    def platform(self) -> float:
        """Return what the platform's clock shows."""
        return self.true() + self._skew

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: for its loop, nothing has happened."""
        self._slept += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._stepped += seconds

    @property
    def honest(self) -> bool:
        """Whether the wall and the platform show the same time."""
        return self._stepped == self._skew
