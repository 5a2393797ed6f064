"""A machine that slept, or whose clock was set, notices."""

import pytest

from proxy.tokens.drift import INTERVAL, Drift
from tests.tokens.clock import FakeClock


class Clocks:
    """Both clocks, and what was told of their jumps."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ahead = 1e9
        self.jumps: list[float] = []
        self.drift = Drift(self.clock, self.wall, self.note)
        self.drift.start()

    def note(self, seconds: float, since: float) -> None:
        """Keep what is told."""
        assert self.clock.time() - INTERVAL <= since < self.clock.time()
        self.jumps.append(seconds)

    def wall(self) -> float:
        """Return the time of day."""
        return self.clock.time() + self.ahead


@pytest.mark.parametrize("seconds", [8 * 3600.0, 1.0, -1.0, -600.0])
def test_a_jump_is_told_once(seconds: float) -> None:
    """Forwards or back, within the interval."""
    it = Clocks()
    it.clock.advance(10 * INTERVAL)
    it.ahead += seconds
    it.clock.advance(INTERVAL)
    it.clock.advance(100 * INTERVAL)
    assert it.jumps == pytest.approx([seconds])


def test_a_clock_that_is_slewed_does_not_jump() -> None:
    """Half a millisecond a second, for a day."""
    it = Clocks()
    for _ in range(86_400):
        it.ahead += 0.0005
        it.clock.advance(INTERVAL)
    assert it.jumps == []


def test_stopped_it_leaves_no_timer() -> None:
    """And tells nothing."""
    it = Clocks()
    it.drift.stop()
    it.ahead += 100.0
    it.clock.advance(INTERVAL)
    assert (it.jumps, it.clock.pending) == ([], [])
