"""Looking at what may change without telling: files, and whatever commands ask."""

from collections.abc import Callable, Coroutine
from typing import Any

from proxy.tokens.clock import Clock, Timer
from proxy.tokens.singleflight import SingleFlight


class Polling:
    """Looks every so many seconds, one look at a time; never where there are none."""

    def __init__(self, clock: Clock, seconds: float | None, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.looking: SingleFlight[None] = SingleFlight()
        self._clock = clock
        self._seconds = seconds
        self._look = look
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look from now on, until `close`."""
        if self._seconds is not None:
            self._timer = self._clock.call_at(self._clock.time() + self._seconds, self._due)

    async def close(self) -> None:
        """Look no more, and leave no task behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.looking.close()

    def _due(self) -> None:
        self.start()
        self.looking.begin(self._look)
