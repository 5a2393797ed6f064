"""Replicas that share a store in memory and a platform, on a clock that a test moves."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.core.token import Token
from proxy.core.token_events import TokenEvent
from proxy.tokens.cache import TokenCache, token_cache
from proxy.tokens.notes import Notes
from proxy.tokens.reuse import Reuse
from proxy.tokens.seal import Seal
from proxy.tokens.shared import Shared
from proxy.tokens.source import Issuer
from tests.fakes.store import FakeStore
from tests.tokens.clock import FakeClock
from tests.tokens.issuer import CREDENTIAL, FakeIssuer

# Where the wall clock stands when the other shows nothing.
EPOCH = 1_700_000_000.0

seal_of = functools.cache(Seal)


@dataclass
class Replica:
    """One gateway: what it issues, what it tells, and a source of tokens in front, not started."""

    shared: Shared
    notes: Notes
    reuse: Reuse
    cache: TokenCache
    events: list[TokenEvent]

    def told(self, kind: type[TokenEvent]) -> int:
        """Return how often an event of this kind was told."""
        return sum(isinstance(event, kind) for event in self.events)

    async def issue(self, instead_of: Token | None = None) -> Token:
        """Ask for a token as a source does."""
        return await self.shared.issue(await self.shared.identify(), instead_of)


@dataclass
class Fleet:
    """A platform, a store, and replicas as many as a test asks for. Logins one at a time, or the issuer complains."""

    clock: FakeClock = field(default_factory=FakeClock)
    issuer: FakeIssuer = field(init=False)
    store: FakeStore = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = FakeIssuer(self.clock)
        self.store = FakeStore(self.clock)

    @property
    def logins(self) -> int:
        """How many logins there were."""
        return len(self.issuer.logins)

    @property
    def seal(self) -> Seal:
        """The seal of the identity that the issuer has now."""
        return seal_of(f"key of {self.issuer.secret}")

    def wall(self) -> float:
        """Return the wall clock's time, which goes with the other."""
        return EPOCH + self.clock.time()

    def replica(self, issuer: Issuer | None = None, random: Callable[[], float] = lambda: 0.0) -> Replica:
        """Return a new gateway; its seal is derived already. `random` jitters all that has jitter."""
        events: list[TokenEvent] = []
        tell, clock = events.append, self.clock
        notes = Notes(CREDENTIAL.name, self.store, clock=clock, wall=self.wall, on_event=tell)
        derived = asyncio.get_running_loop().create_future()
        derived.set_result(self.seal)
        notes._seal = f"key of {self.issuer.secret}", derived
        cache = token_cache(clock)
        shared = Shared(
            issuer or self.issuer, CREDENTIAL, notes, clock=clock, cache=cache, on_event=tell, jitter=random
        )
        reuse = Reuse(shared, CREDENTIAL, clock=clock, cache=cache, random=random, on_event=tell)
        return Replica(shared, notes, reuse, cache, events)

    def replicas(self, count: int) -> list[Replica]:
        """Return so many new gateways."""
        return [self.replica() for _ in range(count)]
