"""The composition root: from a configuration to a gateway that serves; start, drain, stop."""

import asyncio
import contextlib
import gc
import os
import random
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from proxy.certificate import Certificate
from proxy.client_keys import KeyWatch
from proxy.config.settings import Config
from proxy.core.address import Address, TcpAddress, Upstream
from proxy.core.credential import Verification
from proxy.core.egress import EgressProxy
from proxy.core.events import Finished
from proxy.core.hosts import Hosts
from proxy.core.keys import Keys
from proxy.core.problem import NAME
from proxy.core.route import Route
from proxy.core.routing import RouteTable, Rules
from proxy.core.tls_events import TlsEvent
from proxy.core.token_events import ClockJumped, TokenEvent
from proxy.errors import StartError
from proxy.exchange import Gateway
from proxy.judge import Judge
from proxy.listen import bound, open_socket
from proxy.process import raise_file_limit
from proxy.tokens.cache import token_cache
from proxy.tokens.drift import Drift
from proxy.tokens.issuers import issuer_of
from proxy.tokens.reuse import Reuse
from proxy.tokens.shared import shared
from proxy.tokens.store import opened
from proxy.way import Way
from proxy.wire.client import ClientConnection
from proxy.wire.clients import Clients
from proxy.wire.connection import Wire
from proxy.wire.dial import dial, tls_context
from proxy.wire.flow import Outbox
from proxy.wire.handshake import Handshake
from proxy.wire.kept import spool_fault
from proxy.wire.listener import Listener
from proxy.wire.pool import Pool
from proxy.wire.sweep import Sweep

# What is made at start is never looked at again by the collector; what a request makes dies by its reference count.
GC_THRESHOLDS = (20_000, 20, 50)
# Logins that begin by themselves are spread to so many a second: a thousand credentials take ten seconds to log in.
LOGIN_RATE = 100.0


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is told what happens; `starved`: no file could be opened for a client that waits to be accepted."""

    finished: Callable[[Finished], None]
    token: Callable[[TokenEvent], None]
    tls: Callable[[TlsEvent], None] = lambda _: None
    starved: Callable[[OSError], None] = lambda _: None


class App:
    """A gateway of one configuration, on the running loop. `addresses` are where it listens, once it does."""

    def __init__(self, config: Config, observers: Observers) -> None:
        loop = asyncio.get_running_loop()
        self.config = config
        self.addresses: list[Address] = []
        # interface.md: without a place for temporary files, larger bodies are streamed without replay.
        spools = config.limits.replay_spool > config.limits.replay_buffer
        self.spool_fault = spool_fault() if spools else None
        self.limits = config.limits if self.spool_fault is None else replace(config.limits, replay_spool=0)
        injected = frozenset(route.injection.field or b"" for route in config.routes)
        limits = config.limits
        self.wire = Wire(loop, Outbox(loop), Sweep(loop.time), limits.max_header_size, injected, limits.max_body)
        self.observers = observers
        self.store = None if config.tokens.store is None else opened(config.tokens.store)
        self.sources = self._sources(observers.token)
        files = config.server.tls
        self.certificate = None if files is None else Certificate(files, loop, observers.tls)
        self.handshake = None if self.certificate is None else Handshake(self.certificate, observers.tls)
        self.drift = Drift(loop, time.time, self._clock_jumped)
        # RFC 9110 §7.6.3: a name of its own for each gateway, so that one behind another is no loop.
        self.pseudonym = f"{NAME}-{os.urandom(4).hex()}".encode()
        self.pools: dict[tuple[str, str, int, Verification, EgressProxy | None], Pool] = {}
        table = RouteTable(config.routes)
        self.ways = [self._way(rules) for rules in table.rules]
        keys = Keys()
        self.key_watch = KeyWatch(config.access.client_keys, keys, loop, observers.token)
        self.judge = Judge(config.access, table, keys, limits.max_in_flight, self.pseudonym)
        self.gateway = Gateway(self.wire, self.ways, self.judge, observers.finished)
        self.files = raise_file_limit()
        self.clients = Clients(limits.connections(len(self.pools), self.files))
        self._listeners: list[Listener] = []

    @property
    def hosts(self) -> Hosts:
        """The Host names that are answered."""
        return self.judge.hosts

    # --- composition
    def _sources(self, tell: Callable[[TokenEvent], None]) -> dict[str, Reuse]:
        loop = self.wire.loop
        used = {route.credential for route in self.config.routes} - {None}
        cache = token_cache(loop, len(used))
        return {
            name: Reuse(
                shared(issuer_of(credential, loop), credential, self.store, clock=loop, cache=cache, on_event=tell),
                credential,
                clock=loop,
                cache=cache,
                random=random.random,
                on_event=tell,
            )
            for name, credential in self.config.credentials.items()
            if name in used
        }

    def _way(self, rules: Rules) -> Way:
        route, limits = rules.route, self.limits
        pool = self._pool(route)
        if route.credential is None:
            return Way(rules, pool, limits, self.pseudonym)
        source, credential = self.sources[route.credential], self.config.credentials[route.credential]
        return Way(rules, pool, limits, self.pseudonym, source, credential.reject)

    def _pool(self, route: Route) -> Pool:
        """Return the pool of a route's origin, shared by all routes that verify and reach it in the same way."""
        upstream = route.upstream
        key = (upstream.scheme, upstream.host, upstream.port, route.verification, route.egress)
        if key not in self.pools:
            tls = _tls(upstream, route.verification)
            limit = self.config.limits.max_origin_connections
            self.pools[key] = Pool(self.wire, upstream, tls, limit, partial(dial, proxy=route.egress))
        return self.pools[key]

    @property
    def _spread(self) -> float:
        """How long it may take, in seconds, until all have begun to log in; one alone begins at once."""
        return (len(self.sources) - 1) / LOGIN_RATE if self.sources else 0.0

    def _clock_jumped(self, seconds: float, since: float) -> None:
        """Take every token from before for stale."""
        for source in self.sources.values():
            source.distrust(since, self._spread)
        self.observers.token(ClockJumped(seconds))

    # --- life
    async def start(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Listen, on sockets that are open already or on the configured addresses, and log in. Raises StartError."""
        await self.key_watch.start()
        self.wire.sweep.start(self.wire.loop)
        for sock in sockets or [open_socket(address) for address in self.config.server.listen]:
            address = bound(sock)
            tls = self.handshake if self.speaks_tls(address) else None
            listener = Listener(self.wire, sock, self.clients, self._accepted, self.observers.starved, tls)
            listener.start()
            self._listeners.append(listener)
            self.addresses.append(address)
        if self.certificate is not None:
            self.certificate.start()
        for source in self.sources.values():
            source.start(self._spread)
        self.drift.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def _accepted(self, address: str) -> ClientConnection:
        return ClientConnection(self.wire, self.config.timeouts, self.gateway.serve, self.clients, address)

    def speaks_tls(self, address: Address) -> bool:
        """Return whether clients speak TLS at an address: with a certificate all do, save those of a Unix socket."""
        return self.certificate is not None and isinstance(address, TcpAddress)

    async def drain(self) -> bool:
        """Accept nothing new and finish what runs, for `drain_timeout`; then cut. Returns whether all was finished."""
        for listener in self._listeners:
            listener.close()
        for client in self.clients:
            client.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.server.drain_timeout):
                await self.clients.gone()
        finished = not self.clients
        await asyncio.gather(*(source.log_out() for source in self.sources.values()))
        await self.stop()
        return finished

    async def stop(self) -> None:
        """End everything at once; nothing of it is left on the loop."""
        for listener in self._listeners:
            listener.close()
        for client in self.clients:
            client.abort()
        await self.clients.gone()
        for pool in self.pools.values():
            pool.close()
        self.drift.stop()
        if self.certificate is not None:
            await self.certificate.close()
        await self.key_watch.close()
        for source in self.sources.values():
            await source.close()
        if self.store is not None:
            await self.store.close()
        self.wire.sweep.stop()
        gc.unfreeze()


def _tls(upstream: Upstream, verification: Verification) -> ssl.SSLContext | None:
    if upstream.scheme != "https":
        return None
    try:
        return tls_context(verification)
    except OSError as error:
        raise StartError(f"ca_file {verification.ca_file}: {error}") from None
