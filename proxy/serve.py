"""Running gateways: the one of `run`, and the one of `demo` with the platform beside it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import structlog

from proxy.admin.guard import Guard
from proxy.announce import say_addresses, say_egress, say_shortages
from proxy.app import App
from proxy.client_keys import KeyWatch
from proxy.config.entrance import beyond_loopback
from proxy.config.settings import Admin, Config
from proxy.core.address import Address
from proxy.core.events import Finished
from proxy.core.hosts import Hosts
from proxy.core.keys import Keys
from proxy.core.token_events import TokenEvent
from proxy.core.worker_events import WorkerEvent
from proxy.errors import ConfigError
from proxy.life import Signals
from proxy.listen import bound, open_socket
from proxy.log import Output
from proxy.log.access import hidden_parameters
from proxy.metrics import Metrics
from proxy.observers import Observers
from proxy.offers import Offer, offers
from proxy.reload import content_of
from proxy.reloading import reloading
from proxy.systemd import Handed, Notice, handed, sentence
from proxy.telling import starved, tell, tell_admin_key, tell_of_tls, tell_of_workers
from proxy.view import AppView
from proxy.workers.supervisor import Supervisor

# What the end may take besides the drain, in seconds: logouts, and whatever is cut.
STOP_TIME = 10.0


async def serve(config: Config, output: Output, reread: Callable[[], Config], told: Mapping[str, str]) -> int:
    """Serve until a signal, then drain; return the exit code.

    `reread` returns the configuration anew, or raises ConfigError; `told` is what systemd says. Raises StartError, and
    ConfigError where it forbids a socket that was handed over.
    """
    loop, content = asyncio.get_running_loop(), content_of(config.source)
    signals, notice, metrics = Signals(loop), Notice(told), Metrics()
    sockets = handed(told, config.admin.listen)
    hold_to_rules(sockets, config)
    log = structlog.get_logger()
    for warning in config.warnings:
        log.warning(warning)
    begun = gateway(config, output, sockets.gateway, sockets.admin, metrics=metrics, end=signals.arrive)
    async with begun as (app, admin):
        say_shortages(app)
        say_egress(app)
        say_addresses(app)
        if admin is not None:
            log.info("admin listening", address=str(admin))
        if config.tokens.listen is not None:
            log.info("token socket listening", address=str(config.tokens.listen))
        notice.ready(sentence(app.addresses))
        notice.watch(loop)
        async with reloading(app, content, reread, metrics, notice):
            await signals.asked()
        notice.stopping(app.config.server.drain_timeout + STOP_TIME)
        log.info("draining", connections=len(app.clients))
        finished = await signals.end(app)
        log.info("stopped", finished=finished)
    notice.close()
    return 0


def hold_to_rules(sockets: Handed, config: Config) -> None:
    """Hold sockets that were handed over to what holds for `server.listen`. Raises ConfigError."""
    if config.access.beyond_loopback:
        return
    open_to_all = [bound(sock) for sock in sockets.gateway if beyond_loopback(bound(sock))]
    words = 'is reached from beyond this machine; write access.allow = ["private"], "any" or networks'
    if open_to_all:
        raise ConfigError([f"the socket {address}, handed over by systemd, {words}" for address in open_to_all])


class Rest:
    """What goes by the configuration in force besides the gateway: the log, the admin listener, the token socket."""

    def __init__(self, output: Output) -> None:
        self.guard: Guard | None = None
        self.offered: Mapping[str, Offer] = {}
        self._output = output

    def follow(self, app: App) -> None:
        """Go by the configuration that a gateway has now."""
        config = app.config
        self._output.adjust(config.log)
        self._output.access.hidden = hidden_parameters(route.injection for route in config.routes)
        self.offered = offers(config.routes, app.sources)
        if self.guard is not None:
            self.guard.follow(app.hosts, config.admin.allow)


@contextlib.asynccontextmanager
async def gateway(
    config: Config,
    output: Output,
    sockets: Sequence[socket.socket] = (),
    admin_socket: socket.socket | None = None,
    *,
    metrics: Metrics | None = None,
    end: Callable[[], object] | None = None,
) -> AsyncIterator[tuple[App, Address | None]]:
    """Start a gateway and its admin listener, on open sockets if there are any, and stop both at the end.

    `end` is called where somebody asks the admin listener to end the gateway. Raises StartError.
    """
    metrics = metrics or Metrics()
    rest = Rest(output)
    watching: list[Callable[[TokenEvent], None]] = []

    def finished(fact: Finished) -> None:
        metrics.finished(fact)
        output.access.finished(fact)

    def token(event: TokenEvent) -> None:
        metrics.token(event)
        tell(event)
        for watch in watching:
            watch(event)

    def worker(event: WorkerEvent) -> None:
        metrics.worker(event)
        tell_of_workers(event)

    make = App if config.server.workers == 1 else Supervisor
    app = make(config, Observers(finished, token, tell_of_tls, starved, lambda _: rest.follow(app), worker))
    rest.follow(app)
    more: list[Callable[[Any], object]] = []  # what is added to the admin application
    if config.admin.inspector:
        from proxy.inspecting import inspector_of  # noqa: PLC0415  off, it costs nothing

        inspector = inspector_of(app)
        watching.append(inspector.capture.logins.token)
        more.append(inspector.extend)
    async with contextlib.AsyncExitStack() as stack:
        if admin_socket is None and config.admin.listen is not None:
            admin_socket = open_socket(config.admin.listen)
        if admin_socket is not None:
            from proxy.admin.listener import listen  # noqa: PLC0415  aiohttp's server takes its time, and `exec` has none

            rest.guard = await stack.enter_async_context(guarded(config.admin, app.hosts))
            runner = await listen(AppView(app, metrics, output, end), admin_socket, rest.guard, *more)
            stack.push_async_callback(runner.cleanup)
        if config.tokens.listen is not None:
            from proxy.token_socket import listen as hand_out  # noqa: PLC0415  likewise

            desk = await hand_out(lambda: rest.offered, open_socket(config.tokens.listen))
            stack.push_async_callback(desk.cleanup)
        stack.push_async_callback(app.stop)
        await app.start(sockets)
        admin = None if admin_socket is None else bound(admin_socket)
        yield app, admin


@contextlib.asynccontextmanager
async def guarded(admin: Admin, hosts: Hosts) -> AsyncIterator[Guard]:
    """Watch the admin listener's key, if it has one, and yield what lets in who has it. Raises StartError."""
    if admin.key is None:
        yield Guard(hosts, admin.allow)
        return
    keys = Keys()
    watch = KeyWatch({"key": admin.key}, keys, asyncio.get_running_loop(), tell_admin_key, "admin")
    await watch.start()
    try:
        yield Guard(hosts, admin.allow, keys)
    finally:
        await watch.close()
