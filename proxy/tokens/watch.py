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
        self._anew = False  # whether the next look is at every secret

    def start(self, known: Identity) -> None:
        """Watch for secrets other than the known ones; does nothing where they cannot change."""
        self.stop()
        self._known = known
        if self._anew:
            self._look()
        else:
            self._arm()

    def look(self, issuer: Issuer) -> None:
        """Read every secret anew, also those that cannot change by themselves; from now on with this issuer.

        It happens now, or once there are known secrets to compare with.
        """
        self._issuer = issuer
        self._anew = True
        if self._known is not None:
            self._disarm()
            self._look()

    def stop(self) -> None:
        """Watch no longer."""
        self._known = None
        self._disarm()

    async def close(self) -> None:
        """Stop, and leave no task behind."""
        self.stop()
        await self._reading.close()

    def _arm(self) -> None:
        if self._issuer.poll is not None:
            self._timer = self._clock.call_at(self._clock.time() + self._issuer.poll, self._look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._reading.begin(self._read)

    async def _read(self) -> None:
        while (known := self._known) is not None:
            anew, self._anew = self._anew, False
            found = await self._found(known, anew=anew)
            if self._known is known and found is not None and found.key != known.key:
                self.stop()
                self._changed()
            elif self._anew:
                continue  # asked to look at everything while reading
            elif self._known is known:  # else stopped, or started anew, while reading
                self._anew = anew and found is None
                self._arm()
            return

    async def _found(self, known: Identity, *, anew: bool) -> Identity | None:
        """Return the secrets as they are now, None where they cannot be read: perhaps a file between two versions."""
        try:
            return await self._issuer.identify(None if anew else known)
        except LoginError:
            return None
