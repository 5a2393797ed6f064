"""A change of the secrets is told once, to those who still want to know."""

import asyncio

import pytest

from proxy.tokens.watch import Watch
from tests.tokens.clock import FakeClock, settled
from tests.tokens.issuer import POLL, FakeIssuer


class Watched:
    """A watch with its issuer, and how often it has told of a change."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.issuer = FakeIssuer(self.clock)
        self.changes = 0
        self.watch = Watch(self.issuer, self.clock, self.changed)

    def changed(self) -> None:
        """Count a change."""
        self.changes += 1

    async def start(self) -> None:
        """Watch from the secrets as they are."""
        self.watch.start(await self.issuer.identify())


async def test_a_change_is_told_once() -> None:
    """Within the interval, and then no more."""
    it = Watched()
    await it.start()
    await it.clock.elapse(3 * POLL)
    assert it.changes == 0
    it.issuer.secret = "rotated"
    await it.clock.elapse(POLL)
    assert it.changes == 1
    await it.clock.elapse(100.0)
    assert (it.changes, it.clock.pending) == (1, [])


@pytest.mark.parametrize("turns", range(4))
async def test_a_watch_stopped_while_it_looks_tells_nothing(turns: int) -> None:
    """What it finds then is nobody's business any more."""
    it = Watched()
    await it.start()
    it.issuer.secret = "rotated"
    it.clock.advance(POLL)
    for _ in range(turns):
        await asyncio.sleep(0)
    told = it.changes
    it.watch.stop()
    await settled()
    assert it.changes == told
    assert it.clock.pending == []


async def test_a_watch_started_anew_while_it_looks_compares_with_the_new() -> None:
    """The look that was under way neither tells nor leaves a second timer."""
    it = Watched()
    await it.start()
    it.issuer.secret = "rotated"
    rotated = await it.issuer.identify()
    it.clock.advance(POLL)
    await asyncio.sleep(0)
    it.watch.start(rotated)
    await settled()
    assert it.changes == 0
    assert it.clock.pending == [it.clock.time() + POLL]
    await it.watch.close()
