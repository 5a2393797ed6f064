"""The composition root: from a configuration to a gateway that serves; start, reload, drain, stop."""

import asyncio
import contextlib
import gc
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import cast

from proxy.certificate import Certificate
from proxy.config.settings import Config, Log, Server
from proxy.core.address import Address, TcpAddress
from proxy.core.hosts import Hosts
from proxy.core.problem import NAME
from proxy.core.snapshot import Snapshot
from proxy.core.token_events import ClockJumped
from proxy.doors import Door, asks_anew, missing, open_beside, sorted_out
from proxy.exchange import Gateway
from proxy.generation import Common, Generation, Leftovers, PoolKey, injected, verified
from proxy.listen import bound, open_socket
from proxy.observers import Observers
from proxy.process import raise_file_limit
from proxy.tokens.cache import token_cache
from proxy.tokens.drift import Drift
from proxy.tokens.reuse import Reuse
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.client import ClientConnection
from proxy.wire.clients import SETTLED, Clients
from proxy.wire.connection import Wire
from proxy.wire.flow import Outbox
from proxy.wire.listener import Listener
from proxy.wire.pool import Pool
from proxy.wire.request import Request
from proxy.wire.sweep import Sweep

# What is made at start is never looked at again by the collector; what a request makes dies by its reference count.
GC_THRESHOLDS = (20_000, 20, 50)
# How large a block glibc has to have freed to keep twice as much of its heap (mallopt(3), M_TRIM_THRESHOLD). Before
# that its end goes back to the kernel after each large read, and comes again page by page for the next one.
FREED_ONCE = 4 * 1024 * 1024
# How often one looks whether requests from before a reload still wait for their answers, in seconds.
LOOK = 0.25


class App:
    """A gateway, on the running loop; what it has of one configuration is its `generation`.

    Its token sources are its own, or `lent`; one that does not `accept` leaves that to others.
    """

    accepts = True

    def __init__(self, config: Config, observers: Observers, lent: Mapping[str, TokenSource] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.observers = observers
        self.draining = False
        limits = config.limits
        self.wire = Wire(
            loop, Outbox(loop), Sweep(loop.time), limits.max_header_size, injected(config), limits.max_body
        )
        # RFC 9110 §7.6.3: a name of its own for each gateway, so that one behind another is no loop.
        pseudonym = f"{NAME}-{os.urandom(4).hex()}".encode()
        cache = token_cache(loop, len(config.credentials))
        self._common = Common(self.wire, cache, pseudonym, observers.token, observers.tls, lent=lent)
        self.generation = made = Generation(config, self._common, verified(config, {}))
        self.drift = Drift(loop, time.time, self._clock_jumped)
        self.gateway = Gateway(self.wire, made.ways, made.judge, observers.finished)
        self.files = raise_file_limit()
        self.clients = Clients(limits.connections(len(made.pools), self.files))
        self._doors: list[Door] = []
        self._retiring: dict[asyncio.Task[None], Leftovers] = {}

    # --- what is in force now
    @property
    def config(self) -> Config:
        """The configuration."""
        return self.generation.config

    @property
    def addresses(self) -> list[Address]:
        """Where the gateway listens, once it does."""
        return [door.address for door in self._doors]

    @property
    def sockets_handed(self) -> bool:
        """Whether the sockets were handed in, so that it does not matter which addresses are configured."""
        return any(door.wanted is None for door in self._doors)

    @property
    def sources(self) -> Mapping[str, Reuse]:
        """The token sources by the names of their credentials."""
        return self.generation.sources

    @property
    def pools(self) -> Mapping[PoolKey, Pool]:
        """The connections to origins."""
        return self.generation.pools

    @property
    def ways(self) -> Sequence[Way]:
        """The routes, as requests take them."""
        return self.generation.ways

    @property
    def certificate(self) -> Certificate | None:
        """That of the gateway itself."""
        return self.generation.certificate

    @property
    def hosts(self) -> Hosts:
        """The Host names that are answered."""
        return self.generation.judge.hosts

    @property
    def spool_fault(self) -> str | None:
        """Why no temporary file can be made, if none can."""
        return self.generation.spool_fault

    def speaks_tls(self, address: Address) -> bool:
        """Return whether clients speak TLS at an address: with a certificate all do, save those of a Unix socket."""
        return self.certificate is not None and isinstance(address, TcpAddress)

    def _clock_jumped(self, seconds: float, since: float) -> None:
        """Take every token from before for stale."""
        for source in self.sources.values():
            source.distrust(since, self.generation.spread)
        self.observers.token(ClockJumped(seconds))

    # --- life
    async def start(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Listen, on sockets that are open already or on the configured addresses, and log in. Raises StartError."""
        await self.generation.start()
        self.wire.sweep.start(self.wire.loop)
        for sock in sockets:
            self._doors.append(self._open(None, sock))
        for address in () if sockets else self.config.server.listen:
            self._doors.append(self._open(address, open_socket(address)))
        self.generation.log_in()
        self.drift.start()
        gc.freeze()  # without a collection before: it would find a hundred objects, and hold up the first login
        gc.set_threshold(*GC_THRESHOLDS)
        bytes(FREED_ONCE)  # nobody wants it: it is freed at once

    async def reload(self, config: Config) -> None:
        """Serve by another configuration, from the next request of each connection on.

        Returns once it is in force. What is new has been tried before: sockets, keys, files, the first logins, which
        end within `login_timeout`. Raises StartError; then, or when cancelled, nothing has changed.
        """
        before = self.generation
        trusted = await asyncio.to_thread(verified, config, before.trusted)
        fresh = Generation(config, self._common, trusted, before)
        sockets: list[tuple[Address, socket.socket]] = []
        try:
            for address in missing(config.server.listen, self._doors):
                sockets.append((address, open_beside(address, self._doors)))  # noqa: PERF401  each is to be closed
            await fresh.warm(before)
        except BaseException:
            for _, sock in sockets:
                sock.close()
            unused = Leftovers.of(fresh, before)
            await unused.quiet()
            await unused.end()
            raise
        self._put_in_force(fresh, sockets)

    async def drain(self) -> bool:
        """Accept nothing new and finish what runs, for `drain_timeout`; then cut. Returns whether all was finished.

        Who has come, or was answered, within the last second has one to ask: the request may be on its way.
        """
        self.draining = True
        for door in self._doors:
            door.listener.close()
        within = self.config.server.drain_timeout
        for client in self.clients:
            client.part()
        await self._gone(min(SETTLED, within))
        for client in self.clients:
            if not client.connected:
                client.leave()
        await self._gone(within)
        finished = not self.clients
        if finished:
            await asyncio.gather(*self._retiring, return_exceptions=True)
        await Leftovers.of(self.generation).log_out()
        await self.stop()
        return finished

    async def _gone(self, within: float) -> None:
        """Wait until no client is left, for so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.clients.gone()

    async def stop(self) -> None:
        """End everything at once; nothing of it is left on the loop."""
        self.draining = True
        for door in self._doors:
            door.listener.close()
        for client in self.clients:
            client.abort()
        await self.clients.gone()
        self.drift.stop()
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for rest in (*retiring.values(), Leftovers.of(self.generation)):
            await rest.quiet()
            await rest.end()
        self.wire.sweep.stop()
        gc.unfreeze()

    # --- where clients come in
    def _open(self, wanted: Address | None, sock: socket.socket) -> Door:
        address = bound(sock)
        listener = Listener(self.wire, sock, self.clients, self._accepted, self.observers.starved)
        listener.tls = self.generation.handshake if self.speaks_tls(address) else None
        if self.accepts:
            listener.start()
        return Door(wanted, address, listener)

    def _accepted(self, address: str) -> ClientConnection:
        return ClientConnection(self.wire, self.config.timeouts, self.gateway.serve, self.clients, address)

    # --- from one generation to the next
    def _put_in_force(self, fresh: Generation, sockets: Sequence[tuple[Address, socket.socket]]) -> None:
        """Exchange the generations, within one turn of the loop."""
        before, self.generation = self.generation, fresh
        config, limits = fresh.config, fresh.config.limits
        self.wire.max_head, self.wire.max_body = limits.max_header_size, limits.max_body
        self.wire.injected |= injected(config)  # never fewer: requests under way have still to keep to those before
        self.clients.limit = limits.connections(len(fresh.pools), self.files)
        self.gateway.follow(fresh.ways, fresh.judge)
        clients = cast("list[ClientConnection]", list(self.clients))  # whatever is in there, `_accepted` has made
        for client in clients:
            client.timeouts = config.timeouts
        self._rearrange(config.server, sockets, clients, asks_anew=asks_anew(before.config.server, config.server))
        fresh.take_over(before)
        waiting = [(client, client.unanswered) for client in clients if client.unanswered is not None]
        old = Leftovers.of(before, fresh)
        task = self.wire.loop.create_task(self._retire(old, waiting))
        self._retiring[task] = old
        task.add_done_callback(self._retiring.pop)
        self.observers.configured(config)

    def _rearrange(
        self,
        server: Server,
        sockets: Sequence[tuple[Address, socket.socket]],
        clients: Sequence[ClientConnection],
        *,
        asks_anew: bool,
    ) -> None:
        """Listen where the configuration says now; who came in elsewhere, or by another rule of TLS, leaves."""
        kept, dropped = sorted_out(server.listen, self._doors)
        for door in kept:
            door.listener.tls = self.generation.handshake if self.speaks_tls(door.address) else None
        for door in dropped:
            door.listener.close()
        self._doors = [*kept, *(self._open(address, sock) for address, sock in sockets)]
        parting: set[object] = {door.listener for door in dropped}
        leaving: set[object] = {door.listener for door in kept if asks_anew and isinstance(door.address, TcpAddress)}
        for client in clients:
            if client.listener in parting:
                client.part()
            elif client.listener in leaving:  # nobody asks once more by rules that may have let in too many
                client.leave()

    async def _retire(self, old: Leftovers, waiting: Sequence[tuple[ClientConnection, Request]]) -> None:
        """End what only the generation before had; its sources last, once no request may ask them any more."""
        await old.quiet()
        await self.unasked(waiting)
        await old.log_out(self.sources.values())
        await old.end()

    async def unasked(self, waiting: Sequence[tuple[ClientConnection, Request]]) -> None:
        """Wait until nobody asks the sources of the generation before: no request `waiting` since then is left."""
        while any(client.unanswered is request for client, request in waiting):  # noqa: ASYNC110  an event for it would cost each request something
            await asyncio.sleep(LOOK)

    # --- what others count
    async def others(self) -> Sequence[Snapshot]:
        """Return what other processes of this gateway have counted."""
        return ()

    def adjust_log(self, settings: Log) -> None:
        """Have other processes of this gateway write their log by these settings."""
