"""Running gateways: the one of `run`, and the one of `demo` with the platform beside it."""

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import structlog

from proxy.admin.guard import Guard
from proxy.admin.listener import listen
from proxy.announce import say_addresses, say_egress, say_shortages
from proxy.app import App, Observers
from proxy.client_keys import KeyWatch
from proxy.config.build import beyond_loopback
from proxy.config.settings import Admin, Config
from proxy.core import redact
from proxy.core.address import Address
from proxy.core.events import Finished
from proxy.core.hosts import Hosts
from proxy.core.injection import Place
from proxy.core.keys import Keys
from proxy.core.route import Route
from proxy.core.tls_events import CertificateChanged, CertificateKept, HandshakeFailed, TlsEvent
from proxy.core.token_events import (
    ClockJumped,
    KeyChanged,
    KeyUnavailable,
    LoginFailed,
    LoginSucceeded,
    Outcome,
    RefusalsDoubted,
    StoreFailed,
    StoreRestored,
    TokenEvent,
    TokenFound,
    TokenRefused,
)
from proxy.errors import ConfigError
from proxy.life import Signals
from proxy.listen import bound, open_socket
from proxy.log import Output
from proxy.metrics import Metrics
from proxy.reload import content_of
from proxy.reloading import reloading
from proxy.systemd import Handed, Notice, handed, sentence
from proxy.view import AppView

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
    access = output.access

    def finished(fact: Finished) -> None:
        metrics.finished(fact)
        access.finished(fact)

    def token(event: TokenEvent) -> None:
        metrics.token(event)
        tell(event)

    def configured(config: Config) -> None:
        output.adjust(config.log)
        access.hidden = redact.NAMES | injected(config.routes)
        if guard is not None:
            guard.follow(app.hosts, config.admin.allow)

    guard: Guard | None = None
    app = App(config, Observers(finished, token, tell_of_tls, starved, configured))
    access.hidden = redact.NAMES | injected(config.routes)
    async with contextlib.AsyncExitStack() as stack:
        if admin_socket is None and config.admin.listen is not None:
            admin_socket = open_socket(config.admin.listen)
        if admin_socket is not None:
            guard = await stack.enter_async_context(guarded(config.admin, app.hosts))
            runner = await listen(AppView(app, metrics, output, end), admin_socket, guard)
            stack.push_async_callback(runner.cleanup)
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


def injected(routes: Iterable[Route]) -> frozenset[bytes]:
    """Return the names of the query parameters that carry credentials, as a log compares them."""
    return frozenset(redact.folded(route.injection.name) for route in routes if route.injection.place is Place.QUERY)


def starved(error: OSError) -> None:
    """Write into the log that clients cannot be accepted for now."""
    words = "clients wait: no file can be opened for them (see ulimit -n); idle ones are closed"
    structlog.get_logger().error(words, cause=error.strerror)


def tell(event: TokenEvent) -> None:
    """Write what became of a login or a token into the log."""
    log = structlog.get_logger()
    match event:
        case LoginSucceeded():
            lasts = round(event.lifetime) if math.isfinite(event.lifetime) else None  # what is held has no end
            took = round(event.duration * 1000)
            log.info(
                "login succeeded", credential=event.credential, reason=event.reason, lifetime_s=lasts, took_ms=took
            )
        case LoginFailed():
            say = log.error if event.outcome is Outcome.REJECTED else log.warning
            say(
                f"login {event.outcome}",
                credential=event.credential,
                reason=event.reason,
                cause=event.cause,
                retry_in_s=round(event.retry_in, 1),
                token_left_s=round(event.left),
            )
        case TokenRefused():
            log.info("token refused by the origin", credential=event.credential)
        case RefusalsDoubted():
            wait = round(event.retry_in)
            log.warning("refusals doubted: a new token was refused too", credential=event.credential, for_s=wait)
        case ClockJumped():
            log.info("the clock has jumped: tokens are refreshed", by_s=round(event.seconds, 1))
        case KeyChanged() | KeyUnavailable():
            tell_key(event)
        case TokenFound():
            log.info("token from the shared store", credential=event.credential, lifetime_s=round(event.lifetime))
        case StoreFailed():
            words = "the shared store is of no use: logging in without it"
            log.warning(words, credential=event.credential, cause=event.cause)
        case StoreRestored():
            log.info("the shared store is of use again", credential=event.credential)


def tell_key(event: KeyChanged | KeyUnavailable) -> None:
    """Write what became of a client key into the log."""
    log = structlog.get_logger()
    if isinstance(event, KeyChanged):
        log.info("client key changed", client=event.name)
    else:
        words = "client key cannot be read; the one before stays in force"
        log.warning(words, client=event.name, cause=event.cause)


def tell_admin_key(event: KeyChanged | KeyUnavailable) -> None:
    """Write what became of the admin listener's key into the log."""
    log = structlog.get_logger()
    if isinstance(event, KeyChanged):
        log.info("admin key changed")
    else:
        log.warning("admin key cannot be read; the one before stays in force", cause=event.cause)


def tell_of_tls(event: TlsEvent) -> None:
    """Write what became of a client's handshake or of the gateway's certificate into the log."""
    log = structlog.get_logger()
    match event:
        case HandshakeFailed():  # whoever can connect can cause these: they are no news unless somebody looks for them
            log.debug("TLS handshake failed", peer=event.peer, cause=event.cause)
        case CertificateChanged():
            log.info("certificate changed: new connections get the new one", file=event.file)
        case CertificateKept():
            log.error("certificate kept: the changed files cannot be used", cause=event.cause)
