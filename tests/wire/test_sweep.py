"""One timer for every deadline: none is met early, and none costs another its own."""

from proxy.wire.sweep import Sweep


class Partner:
    """Something whose end gives another more time."""

    def __init__(self, sweep: Sweep) -> None:
        self.deadline = sweep.after(1)
        self.ended = False
        self.other: Partner
        self._sweep = sweep

    def expired(self) -> None:
        """Do what an origin does to its client: its answer gets a time of its own."""
        self.ended = True
        self.other.deadline = self._sweep.after(2)


def test_a_deadline_that_has_been_put_off_is_not_met() -> None:
    """Also when that happens within the tick that would have met it."""
    now = 1000.0
    sweep = Sweep(lambda: now)
    one, two = Partner(sweep), Partner(sweep)
    one.other, two.other = two, one
    sweep.watched |= {one, two}
    now += 10
    sweep.tick()
    assert one.ended is not two.ended
