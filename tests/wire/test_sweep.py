"""One timer for every deadline."""

import asyncio

import pytest

from proxy.wire.sweep import STEP, Sweep
from tests.fakes.gateway import Time

pytestmark = pytest.mark.usefixtures("loop_factory")


class Deadline:
    """Something that is watched: it tells when it has been told, or is broken."""

    def __init__(self, sweep: Sweep, *, broken: bool = False) -> None:
        self.broken = broken
        self.told = asyncio.Event()
        self.deadline = sweep.after(0)
        sweep.watched.add(self)

    def expired(self) -> None:
        """Tell."""
        if self.broken:
            raise ZeroDivisionError
        self.told.set()


async def test_a_deadline_is_never_met_early_and_told_once() -> None:
    """`now` may lie a whole step behind the clock."""
    time = Time()
    sweep = Sweep(time)
    deadline = Deadline(sweep)
    time.now += STEP
    sweep.tick()
    assert not deadline.told.is_set()
    time.now += STEP
    sweep.tick()
    assert deadline.told.is_set()
    deadline.told.clear()
    time.now += STEP
    sweep.tick()
    assert not deadline.told.is_set()


async def test_a_defect_in_one_deadline_does_not_end_the_others() -> None:
    """The next tick has been asked for before anything is looked at."""
    time = Time()
    sweep = Sweep(time)
    Deadline(sweep, broken=True)
    time.now += 2 * STEP
    with pytest.raises(ZeroDivisionError):
        sweep.start(asyncio.get_running_loop())
    other = Deadline(sweep)
    time.now += 2 * STEP
    await other.told.wait()
    sweep.stop()


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
