"""The secrets, looked at until they change: new ones are tried at once."""

from collections.abc import Callable

from proxy.core.identity import Identity
from proxy.errors import LoginError
from proxy.tokens.clock import Clock, Timer
from proxy.tokens.singleflight import SingleFlight
from proxy.tokens.source import Issuer


class Watch:
    """Reads the secrets of an issuer as often as it says, and calls `changed` once when they differ."""

    def __init__(self, issuer: Issuer, clock: Clock, changed: Callable[[], None]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._changed = changed
        self._reading: SingleFlight[None] = SingleFlight()
        self._known: Identity | None = None
        self._timer: Timer | None = None

    def start(self, known: Identity) -> None:
        """Watch for secrets other than the known ones; does nothing where they cannot change."""
        self.stop()
        self._known = known
        self._arm()

    def stop(self) -> None:
        """Watch no longer."""
        self._known = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Stop, and leave no task behind."""
        self.stop()
        await self._reading.close()

    def _arm(self) -> None:
        if self._issuer.poll is not None:
            self._timer = self._clock.call_at(self._clock.time() + self._issuer.poll, self._look)

    def _look(self) -> None:
        self._reading.begin(self._read)

    async def _read(self) -> None:
        known = self._known
        if known is None:
            return
        try:
            found = await self._issuer.identify(known)
        except LoginError:
            found = known  # a file between two versions: look again
        if self._known is not known:
            return  # stopped, or started anew, while reading
        if found.key == known.key:
            self._arm()
        else:
            self.stop()
            self._changed()
