"""The gateway under test: composed as `proxy.app` does it, on simulated connections and a simulated login."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

from proxy.core import keys as client_keys
from proxy.core.access import Access
from proxy.core.address import Upstream
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential
from proxy.core.route import Route
from proxy.core.routing import RouteTable
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.exchange import Gateway
from proxy.judge import Judge
from proxy.tokens.cache import token_cache
from proxy.tokens.drift import Drift
from proxy.tokens.login import Login
from proxy.tokens.reuse import Reuse
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.client import ClientConnection
from proxy.wire.clients import Clients
from proxy.wire.connection import Wire
from proxy.wire.flow import Outbox
from proxy.wire.origin import OriginConnection
from proxy.wire.pool import Pool
from proxy.wire.sweep import Sweep, Watched
from tests.core.secrets import Given
from tests.simulation.checks import Checks, Knowledge
from tests.simulation.clocks import Clocks
from tests.simulation.network import End
from tests.simulation.origin import Origin
from tests.simulation.platform import Keys, Platform, sessions
from tests.simulation.scenario import ONCE, OPEN, Scenario

T = TypeVar("T")
PSEUDONYM = b"iam-proxy-simulated"
UPSTREAM = Upstream("http", "origin.example", 80)


class InOrder(set[T]):
    """A set that is gone through in the order of its making: addresses in memory differ from run to run."""

    def __init__(self) -> None:
        super().__init__()
        self._order: dict[T, None] = {}

    def add(self, element: T) -> None:
        """Add at the end."""
        super().add(element)
        self._order[element] = None

    def discard(self, element: object) -> None:
        """Take out."""
        super().discard(cast("T", element))
        self._order.pop(cast("T", element), None)

    def __iter__(self) -> Iterator[T]:
        return iter(self._order)


class Timed:
    """A token source whose callers are timed."""

    def __init__(self, source: TokenSource, now: Callable[[], float], bound: float, checks: Checks) -> None:
        self._source = source
        self._now = now
        self._bound = bound
        self._checks = checks
        self.current = source.current
        self.invalidate = source.invalidate
        self.replay_refused = source.replay_refused
        self.accepted = source.accepted

    @property
    def listening(self) -> bool:
        """As the source says."""
        return self._source.listening

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """As the source says."""
        return self._source.hidden

    async def token(self) -> Token:
        """Return the source's token."""
        return await self._time(self._source.token(), "token")

    async def fresh(self) -> Token:
        """Return the source's fresh token."""
        return await self._time(self._source.fresh(), "fresh")

    async def renew(self, refused: Token, what: Hashable) -> Token | None:
        """Return the source's newer token."""
        return await self._time(self._source.renew(refused, what), "renew")

    async def _time(self, call: Awaitable[T], name: str) -> T:
        began = self._now()
        try:
            return await call
        finally:
            self._checks.waited(self._now() - began, self._bound, name)


class Running:
    """A gateway, from its start to its end; `number` counts those of one run."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scenario: Scenario,
        origin: Origin,
        platform: Platform,
        keys: Keys,
        clocks: Clocks,
        checks: Checks,
    ) -> None:
        self.number = len(checks.gateways)
        self.listening = True
        checks.gateways.append(Knowledge())
        self._loop = loop
        self._scenario = scenario
        self._checks = checks
        self.wire = Wire(loop, Outbox(loop), Sweep(loop.time))
        self.wire.sweep.watched = InOrder[Watched]()
        self.clients = Clients()
        self.source = self._source(platform, keys, clocks)
        self.drift = Drift(loop, clocks.wall, lambda _, since: self.source.distrust(since))
        timed = Timed(self.source, loop.time, scenario.login_timeout, checks)
        dial = partial(origin.dial, gateway=self.number)
        self.pool = Pool(self.wire, UPSTREAM, None, scenario.limits.max_origin_connections, dial, stirs)
        table = RouteTable(routes(scenario))
        reject = self.credential.reject
        ways = [
            Way(rules, self.pool, scenario.limits, PSEUDONYM, timed, reject)
            if rules.route.credential
            else Way(rules, self.pool, scenario.limits, PSEUDONYM)
            for rules in table.rules
        ]
        judge = Judge(Access(), table, client_keys.Keys(), scenario.limits.max_in_flight, PSEUDONYM)
        self.gateway = Gateway(self.wire, ways, judge, checks.observe)

    def _source(self, platform: Platform, keys: Keys, clocks: Clocks) -> Reuse:
        """Return the token source, all of it as the gateway makes it."""
        loop, scenario = self._loop, self._scenario
        recipe = ApikeyRecipe("https://platform.example/iam/login", Given("key"), keys)
        self.credential = Credential("main", recipe, ttl=scenario.ttl, login_timeout=scenario.login_timeout)
        chance = scenario.chance.random
        session = sessions(platform, keys, self.number)
        return Reuse(
            Login(self.credential, clock=loop, session=session, wall=clocks.wall, jitter=chance),
            self.credential,
            clock=loop,
            cache=token_cache(loop),
            random=chance,
            on_event=partial(self._checks.token_event, self.number),
        )

    # --- life
    def start(self) -> None:
        """Begin, as the application does."""
        self.wire.sweep.start(self._loop)
        self.source.start()
        self.drift.start()

    def accept(self, address: str) -> ClientConnection:
        """Return the protocol of a new client."""
        return ClientConnection(self.wire, self._scenario.timeouts, self.gateway.serve, self.clients, address)

    def _stop_listening(self) -> None:
        if self.listening:
            self.listening = False
            self._checks.gateways[self.number].stopping = self._loop.time()

    async def drain(self, within: float) -> None:
        """Finish what runs, for so long; then cut."""
        self._stop_listening()
        for client in self.clients:
            client.part()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.clients.gone()
        await self.stop()

    async def stop(self) -> None:
        """End everything at once."""
        self._stop_listening()
        for client in self.clients:
            client.abort()
        await self.clients.gone()
        self.pool.close()
        self.drift.stop()
        await self.source.close()
        self.wire.sweep.stop()
        self._checks.gateways[self.number].ended = self._loop.time()


def routes(scenario: Scenario) -> list[Route]:
    """Return the routes: one for everything, one that never replays, one without a credential."""
    usual = Route(b"/", UPSTREAM, credential="main", timeouts=scenario.timeouts)
    return [
        usual,
        replace(usual, path=ONCE.encode(), replay=False),
        replace(usual, path=OPEN.encode(), credential=None),
    ]


def stirs(connection: OriginConnection) -> bool:
    """Do what `proxy.wire.pool.stirs` does."""
    assert isinstance(connection.transport, End)
    return connection.transport.stirs
