"""Whether the wall clock has jumped against the monotonic one: the machine was suspended, or its clock was set."""

from collections.abc import Callable

from proxy.tokens.clock import Clock, Timer

# How often one looks: after a suspend it is this long until tokens are known to be older than they seem; in seconds.
INTERVAL = 1.0
# Time servers slew a clock by half a millisecond a second (adjtimex(2)); so much, in seconds, is no slew.
JUMP = 1.0


class Drift:
    """Compares the clocks every INTERVAL and tells `jumped` by how many seconds they have come apart, if by a JUMP.

    The second thing that it tells is when they were last seen together, on `clock`.

    A monotonic clock stands still while a machine is suspended (Linux, macOS); what the platform issued ages all the
    same.
    """

    def __init__(self, clock: Clock, wall: Callable[[], float], jumped: Callable[[float, float], None]) -> None:
        self._clock = clock
        self._wall = wall
        self._jumped = jumped
        self._timer: Timer | None = None
        self._apart = self._seen = 0.0

    def start(self) -> None:
        """Compare from now on, until `stop`."""
        self._seen = self._clock.time()
        self._apart = self._wall() - self._seen
        self._arm()

    def stop(self) -> None:
        """Compare no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._clock.call_at(self._clock.time() + INTERVAL, self._look)

    def _look(self) -> None:
        before, seen, self._seen = self._apart, self._seen, self._clock.time()
        self._apart = self._wall() - self._seen
        self._arm()
        if abs(self._apart - before) >= JUMP:
            self._jumped(self._apart - before, seen)
