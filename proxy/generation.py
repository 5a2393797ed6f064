"""What one configuration becomes: sources, pools, ways, judge, keys and certificate.

A generation is made beside the one before it and takes over what has not changed, so that a reload costs no login and
no connection. Until it is in force the one before it notices nothing.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from proxy.certificate import Certificate
from proxy.client_keys import KeyWatch
from proxy.config.settings import Config
from proxy.core.backoff import REFRESH_INTERVAL, Pace
from proxy.core.credential import Credential, Verification
from proxy.core.egress import EgressProxy
from proxy.core.keys import Keys
from proxy.core.route import Route
from proxy.core.routing import RouteTable, Rules
from proxy.core.tls_events import TlsEvent
from proxy.core.token_events import TokenEvent
from proxy.errors import LoginError
from proxy.judge import Judge
from proxy.tokens.cache import TokenCache
from proxy.tokens.issuers import issuer_of
from proxy.tokens.reuse import Reuse
from proxy.tokens.shared import shared
from proxy.tokens.source import Issuer, TokenSource
from proxy.tokens.store import Store, opened
from proxy.trust import Trusts, trusts
from proxy.way import Way
from proxy.wire.connection import Wire
from proxy.wire.dial import dial
from proxy.wire.handshake import Handshake
from proxy.wire.kept import spool_fault
from proxy.wire.pool import Pool

# Logins that begin by themselves are spread to so many a second: a thousand credentials take ten seconds to log in.
LOGIN_RATE = 100.0

# What connections are pooled by: scheme, host and port, how they are verified and reached, how many there may be.
PoolKey = tuple[str, str, int, Verification, EgressProxy | None, int]


@dataclass(frozen=True, slots=True)
class Common:
    """What outlives every configuration. `paces` has, by name, how the credentials before have logged in.

    `lent` are token sources that are another's: with them a generation has none of its own, and no store.
    """

    wire: Wire
    cache: TokenCache
    pseudonym: bytes
    token: Callable[[TokenEvent], None]
    tls: Callable[[TlsEvent], None]
    paces: dict[str, Pace] = field(default_factory=dict)
    lent: Mapping[str, TokenSource] | None = None


def verified(config: Config, known: Trusts) -> Trusts:
    """Return how the origins of a configuration are verified. May block. Raises StartError."""
    return trusts((route.verification for route in config.routes if route.upstream.scheme == "https"), known)


class Generation:
    """What one configuration has become; what `before` has the same of is taken over from it. Raises StartError."""

    def __init__(self, config: Config, common: Common, trusted: Trusts, before: "Generation | None" = None) -> None:
        self.config = config
        self.trusted = trusted
        self._common = common
        # interface.md: without a place for temporary files, larger bodies are streamed without replay.
        spools = config.limits.replay_spool > config.limits.replay_buffer
        self.spool_fault = spool_fault() if spools else None
        self.limits = config.limits if self.spool_fault is None else replace(config.limits, replay_spool=0)
        self.store = self._store(before)
        self.certificate, self.handshake = self._tls(before)
        self.sources = self._sources(before)
        self.pools: dict[PoolKey, Pool] = {}
        table = RouteTable(config.routes)
        self.ways = [self._way(rules, before) for rules in table.rules]
        keys = Keys()
        self.key_watch = KeyWatch(config.access.client_keys, keys, common.wire.loop, common.token)
        self.judge = Judge(config.access, table, keys, config.limits.max_in_flight, common.pseudonym)

    # --- composition
    def _store(self, before: "Generation | None") -> Store | None:
        place = self.config.tokens.store
        if self._common.lent is not None:
            return None
        if before is not None and before.config.tokens.store == place:
            return before.store
        return None if place is None else opened(place)

    def _tls(self, before: "Generation | None") -> tuple[Certificate | None, Handshake | None]:
        files = self.config.server.tls
        if before is not None and before.config.server.tls == files:
            return before.certificate, before.handshake
        if files is None:
            return None, None
        certificate = Certificate(files, self._common.wire.loop, self._common.tls)
        return certificate, Handshake(certificate, self._common.tls)

    def _sources(self, before: "Generation | None") -> dict[str, Reuse]:
        if self._common.lent is not None:
            return {}
        used = {route.credential for route in self.config.routes}
        credentials = self.config.credentials
        return {name: self._source(credential, before) for name, credential in credentials.items() if name in used}

    def _source(self, credential: Credential, before: "Generation | None") -> Reuse:
        """Return the source of a credential: the one before, with its token and its budget, if it is the same."""
        name, common = credential.name, self._common
        if before is not None and name in before.sources:
            common.paces[name] = before.sources[name].pace
            if before.config.credentials[name].question == credential.question:
                return before.sources[name]
        source = Reuse(
            self._issuer(credential),
            credential,
            clock=common.wire.loop,
            cache=common.cache,
            random=random.random,
            on_event=common.token,
        )
        source.follow(common.paces.get(name, Pace()))
        return source

    def _issuer(self, credential: Credential) -> Issuer:
        loop, common = self._common.wire.loop, self._common
        issuer = issuer_of(credential, loop)
        return shared(issuer, credential, self.store, clock=loop, cache=common.cache, on_event=common.token)

    def _way(self, rules: Rules, before: "Generation | None") -> Way:
        route, pseudonym = rules.route, self._common.pseudonym
        pool = self._pool(route, before)
        if route.credential is None:
            return Way(rules, pool, self.limits, pseudonym)
        sources: Mapping[str, TokenSource] = self.sources if self._common.lent is None else self._common.lent
        source, credential = sources[route.credential], self.config.credentials[route.credential]
        return Way(rules, pool, self.limits, pseudonym, source, credential.reject)

    def _pool(self, route: Route, before: "Generation | None") -> Pool:
        """Return the pool of a route's origin, shared by all routes that verify and reach it in the same way."""
        upstream, limit = route.upstream, self.config.limits.max_origin_connections
        key = (upstream.scheme, upstream.host, upstream.port, route.verification, route.egress, limit)
        if key not in self.pools:
            trust = self.trusted[route.verification] if upstream.scheme == "https" else None
            old = None if before is None else before.pools.get(key)
            known = None if before is None else before.trusted.get(route.verification)
            if old is None or (trust is not None and trust is not known):
                tls = None if trust is None else trust.context
                old = Pool(self._common.wire, upstream, tls, limit, partial(dial, proxy=route.egress))
            self.pools[key] = old
        return self.pools[key]

    # --- life
    @property
    def spread(self) -> float:
        """How long it may take, in seconds, until all have begun to log in; one alone begins at once."""
        return (len(self.sources) - 1) / LOGIN_RATE if self.sources else 0.0

    async def start(self) -> None:
        """Read the keys of callers. Raises StartError."""
        await self.key_watch.start()

    def log_in(self) -> None:
        """Begin everything that goes on by itself, where there was no generation before."""
        if self.certificate is not None:
            self.certificate.start()
        for source in self.sources.values():
            source.start(self.spread)

    async def warm(self, before: "Generation") -> None:
        """Begin what is new, and see what becomes of the first logins. Raises StartError.

        A login that fails is no mistake of the file, and is made again from then on; but routes whose credential has
        become another wait with the old one until there is a token.
        """
        await self.start()
        if self.certificate is not None and self.certificate is not before.certificate:
            self.certificate.start()
        fresh = [source for name, source in self.sources.items() if before.sources.get(name) is not source]
        await asyncio.gather(*(first_token(source, turn / LOGIN_RATE) for turn, source in enumerate(fresh)))

    def take_over(self, before: "Generation") -> None:
        """From now on this generation is in force: what it has taken over is read anew, by its own settings."""
        self._common.paces.update({name: source.pace for name, source in before.sources.items()})
        for name, source in self.sources.items():
            if before.sources.get(name) is not source:
                continue
            credential = self.config.credentials[name]
            if before.config.credentials[name] == credential and before.store is self.store:
                source.look()
            else:
                source.change(credential, self._issuer(credential))
        if self.certificate is not None and self.certificate is before.certificate:
            self.certificate.look()

    @property
    def without_token(self) -> list[str]:
        """The credentials that have no live token now."""
        return [name for name, source in self.sources.items() if not source.state.live]


async def first_token(source: Reuse, after: float) -> None:
    """Start a source `after` so many seconds, and wait for what becomes of its first login, if that may begin soon."""
    await asyncio.sleep(after)
    source.start()
    due = source.state.next_attempt
    if due is not None:  # the one before has just logged in, or has used up the budget
        await asyncio.sleep(min(REFRESH_INTERVAL, due - asyncio.get_running_loop().time()))
    with contextlib.suppress(LoginError):
        await source.token()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What one generation has that another has not taken over."""

    sources: Mapping[str, Reuse]
    pools: tuple[Pool, ...]
    key_watch: KeyWatch
    certificate: Certificate | None
    store: Store | None

    @classmethod
    def of(cls, one: Generation, other: Generation | None = None) -> "Leftovers":
        """Return what `one` has alone; everything where there is no other."""
        pools = () if other is None else tuple(other.pools.values())
        return cls(
            {
                name: source
                for name, source in one.sources.items()
                if other is None or other.sources.get(name) is not source
            },
            tuple(pool for pool in one.pools.values() if pool not in pools),
            one.key_watch,
            None if other is not None and one.certificate is other.certificate else one.certificate,
            None if other is not None and one.store is other.store else one.store,
        )

    async def quiet(self) -> None:
        """End what no request asks: what lies idle, and looks at files. Connections in use are closed behind theirs."""
        for pool in self.pools:
            pool.close()
        if self.certificate is not None:
            await self.certificate.close()
        await self.key_watch.close()

    async def log_out(self, others: Collection[Reuse] = ()) -> None:
        """End the sessions at the platforms, but for tokens that one of the `others` goes on with."""
        kept = [other.held for other in others]
        gone = [source for source in self.sources.values() if all(source.held is not token for token in kept)]
        await asyncio.gather(*(source.log_out() for source in gone))

    async def end(self) -> None:
        """End what gives tokens."""
        for source in self.sources.values():
            await source.close()
        if self.store is not None:
            await self.store.close()


def injected(config: Config) -> frozenset[bytes]:
    """Return the names of the fields that carry credentials, as CGI spells them."""
    return frozenset(route.injection.field or b"" for route in config.routes)
