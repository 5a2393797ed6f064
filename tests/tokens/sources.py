"""Whole sources of tokens, as the gateway puts them together: `Reuse(Shared(Login))` on a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from proxy.core.credential import Credential
from proxy.core.identity import Identity
from proxy.core.store import StorePlace
from proxy.core.token import Token
from proxy.core.token_events import TokenEvent
from proxy.tokens.cache import token_cache
from proxy.tokens.login import Login
from proxy.tokens.reuse import Reuse
from proxy.tokens.shared import shared
from proxy.tokens.source import Issuer
from proxy.tokens.store import opened
from tests.core.secrets import Given, credential

SECRET = "hunter2-hunter2"


def described(url: str, secret: str = SECRET) -> Credential:
    """Return a credential for a login on loopback."""
    return replace(credential(url, secretkey=Given(secret)), login_timeout=8.0)


@dataclass
class Recorded:
    """An issuer that remembers what it issued."""

    issuer: Issuer
    poll: float | None = None
    texts: list[str] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the identity."""
        return await self.issuer.identify(known)

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Issue and remember."""
        token = await self.issuer.issue(identity, instead_of)
        self.texts.append(token.value)
        self.more.set()
        return token

    async def end(self, token: Token, identity: Identity) -> None:
        """End the session."""
        await self.issuer.end(token, identity)

    async def issued(self, count: int) -> list[str]:
        """Wait until there are so many, and return them."""
        while len(self.texts) < count:
            self.more.clear()
            await self.more.wait()
        return self.texts[:count]


@dataclass
class Gateway:
    """A source in front of a store."""

    reuse: Reuse
    issuer: Recorded
    events: list[TokenEvent]

    def told(self, kind: type[TokenEvent]) -> int:
        """Return how often an event of this kind was told."""
        return sum(isinstance(event, kind) for event in self.events)


@asynccontextmanager
async def gateway(place: StorePlace, credential: Credential) -> AsyncIterator[Gateway]:
    """Run a source with a store of its own, started, on the running loop's clock."""
    loop, events = asyncio.get_running_loop(), list[TokenEvent]()
    cache, store = token_cache(loop), opened(place)
    login = Login(credential, clock=loop)
    issuer = Recorded(shared(login, credential, store, clock=loop, cache=cache, on_event=events.append))
    reuse = Reuse(issuer, credential, clock=loop, cache=cache, random=lambda: 0.0, on_event=events.append)
    reuse.start()
    try:
        yield Gateway(reuse, issuer, events)
    finally:
        await reuse.close()
        await store.close()
