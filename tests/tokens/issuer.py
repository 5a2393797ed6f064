"""An issuer of tokens that does what a test says, and a token source in front of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from proxy.core.identity import Identity
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.core.token_events import TokenEvent
from proxy.tokens.cache import TokenCache, token_cache
from proxy.tokens.reuse import Reuse
from tests.core.secrets import credential
from tests.tokens.clock import FakeClock, settled

POLL = 5.0  # seconds between two looks at the secrets
CREDENTIAL = replace(credential(), login_timeout=10.0)


@dataclass
class FakeIssuer:
    """Issues `token-1`, `token-2`, … that live for `lifetime` and are stale after three quarters of it.

    `failure` makes logins fail, a closed `gate` makes them wait, `logins` has the time of each and `replaced` the token
    that it was to take the place of.
    """

    clock: FakeClock
    lifetime: float = 100.0
    failure: Exception | None = None
    unreadable: Exception | None = None
    secret: str = "first"
    poll: float | None = POLL
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    logins: list[float] = field(default_factory=list)
    issued: list[Token] = field(default_factory=list)
    takes: float = 0.0
    text: str = ""
    random: Callable[[], float] = lambda: 0.0
    ended: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[Token | None] = field(default_factory=list)
    reads: int = 0
    flying: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the identity of the secret as it is now."""
        del known
        self.reads += 1
        await asyncio.sleep(0)
        if self.unreadable is not None:
            raise self.unreadable
        return Identity(f"key of {self.secret}", {"secretkey": Secret(self.secret)})

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Return a token, once the gate is open."""
        del identity
        sent_at = self.clock.time()
        self.logins.append(sent_at)
        self.replaced.append(instead_of)
        self.flying += 1
        assert self.flying == 1, "two logins at a time"
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
            if self.takes:
                await self._pass(self.takes)
            if self.failure is not None:
                raise self.failure
            self.issued.append(self.token(sent_at))
            return self.issued[-1]
        finally:
            self.flying -= 1

    async def end(self, token: Token, identity: Identity) -> None:
        """Note which session is ended."""
        self.ended.append((token.value, identity.key))

    def token(self, sent_at: float) -> Token:
        """Return the token of a login."""
        text = self.text or f"token-{len(self.logins)}"
        return Token.issued(text, sent_at, self.lifetime, self.random(), took=self.clock.time() - sent_at)

    async def _pass(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self.clock.call_at(self.clock.time() + seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()


@dataclass
class Rig:
    """A source of tokens with everything around it in a test's hands."""

    clock: FakeClock
    issuer: FakeIssuer
    cache: TokenCache
    reuse: Reuse
    events: list[TokenEvent]

    @property
    def logins(self) -> int:
        """How many logins there were."""
        return len(self.issuer.logins)


def rig(clock: FakeClock | None = None, cache: TokenCache | None = None, random: float = 0.0) -> Rig:
    """Return a rig whose source has not been started."""
    clock = clock or FakeClock()
    events: list[TokenEvent] = []
    issuer = FakeIssuer(clock)
    cache = token_cache(clock) if cache is None else cache
    reuse = Reuse(issuer, CREDENTIAL, clock=clock, cache=cache, random=lambda: random, on_event=events.append)
    return Rig(clock, issuer, cache, reuse, events)


@asynccontextmanager
async def running(*, settle: bool = True) -> AsyncIterator[Rig]:
    """Start a source, by default to its first token; closed at the end, it leaves no timer behind."""
    made = rig()
    made.reuse.start()
    if settle:
        await settled()
    try:
        yield made
    finally:
        await made.reuse.close()
    assert made.clock.pending == []
