"""A thousand credentials in one process: their logins are spread, at the start, ahead of expiry and after a sleep."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

from proxy.tokens.cache import token_cache
from proxy.tokens.reuse import Reuse
from tests.tokens.clock import FakeClock
from tests.tokens.issuer import CREDENTIAL, FakeIssuer

MANY = 1000
SPREAD = 10.0  # seconds, as the gateway gives so many
LIFE = 3600.0


class Fleet:
    """A thousand sources on one clock, each with a platform of its own."""

    def __init__(self) -> None:
        chance = Random(1)
        self.clock = FakeClock()
        self.cache = token_cache(self.clock, MANY)
        self.issuers = [FakeIssuer(self.clock, lifetime=LIFE, secret=f"key {n}", poll=None) for n in range(MANY)]
        for issuer in self.issuers:
            issuer.random = chance.random
        self.sources = [
            Reuse(
                issuer,
                CREDENTIAL,
                clock=self.clock,
                cache=self.cache,
                random=chance.random,
                on_event=lambda _: None,
            )
            for issuer in self.issuers
        ]

    def a_second(self, since: float) -> int:
        """Return how many logins there were in the busiest second since then."""
        counts = Counter(int(at) for issuer in self.issuers for at in issuer.logins if at >= since)
        return max(counts.values())

    @property
    def logins(self) -> int:
        """How many there were."""
        return sum(len(issuer.logins) for issuer in self.issuers)


@contextlib.asynccontextmanager
async def fleet() -> AsyncIterator[Fleet]:
    """Start them all, and let them log in."""
    made = Fleet()
    for source in made.sources:
        source.start(SPREAD)
    await made.clock.elapse(SPREAD)
    yield made
    for source in made.sources:
        await source.close()
    assert made.clock.pending == []


async def test_a_thousand_logins_are_spread() -> None:
    """A hundred a second or little more; a tenth of the life ahead of expiry; and again after a sleep."""
    async with fleet() as it:
        assert all(source.state.live for source in it.sources)
        assert len({source.current() for source in it.sources}) == MANY
        assert (it.logins, len(it.cache)) == (MANY, MANY)
        assert it.a_second(0.0) <= 150
        began = it.clock.time()
        await it.clock.elapse(LIFE * 0.86)
        assert it.logins == 2 * MANY
        assert it.a_second(began) <= 20
        woken = it.clock.time()
        for source in it.sources:
            source.distrust(woken, SPREAD)
        await it.clock.elapse(SPREAD)
        assert it.logins == 3 * MANY
        assert it.a_second(woken) <= 150
