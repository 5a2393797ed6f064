"""Running gateways: the one of `run`, and the one of `demo` with the platform beside it."""

import asyncio
import contextlib
import math
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from proxy.admin.listener import Extend, listen
from proxy.app import App, Observers
from proxy.config.settings import Config
from proxy.core.address import Address, TcpAddress
from proxy.core.events import Finished
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
from proxy.life import Signals
from proxy.listen import bound, open_socket
from proxy.log import AccessLog, Output
from proxy.metrics import Metrics
from proxy.view import AppView


async def serve(config: Config, output: Output) -> int:
    """Serve until a signal, then drain; return the exit code. Raises StartError."""
    signals = Signals(asyncio.get_running_loop())
    log = structlog.get_logger()
    for warning in config.warnings:
        log.warning(warning)
    async with gateway(config, output) as (app, admin):
        if app.spool_fault is not None:
            words = "no temporary file can be made: bodies above limits.replay_buffer are streamed without replay"
            log.warning(words, folder=tempfile.gettempdir(), cause=app.spool_fault)
        if app.clients.limit < config.limits.max_connections:
            words = "too few open files for limits.max_connections: fewer clients are accepted (see ulimit -n)"
            log.warning(words, files=app.files, wanted=config.limits.max_connections, accepted=app.clients.limit)
        for route in config.routes:
            if route.egress is not None:
                log.info("through an egress proxy", route=route.label, proxy=str(route.egress))
        for address in app.addresses:
            log.info("listening", address=str(address), curl=curl(app, address))
        if admin is not None:
            log.info("admin listening", address=str(admin))
        await signals.asked()
        log.info("draining", connections=len(app.clients))
        finished = await signals.end(app)
        log.info("stopped", finished=finished)
    return 0


@contextlib.asynccontextmanager
async def gateway(
    config: Config, output: Output, sockets: Sequence[socket.socket] = (), admin_socket: socket.socket | None = None
) -> AsyncIterator[tuple[App, Address | None]]:
    """Start a gateway and its admin listener, on open sockets if there are any, and stop both at the end.

    Raises StartError.
    """
    metrics = Metrics()
    watching: list[Callable[[TokenEvent], None]] = []
    access = AccessLog(output.writer, output.console if output.people else None, every=config.log.access)

    def finished(fact: Finished) -> None:
        metrics.finished(fact)
        if access.every or fact.code is not None or fact.cut:
            access.finished(fact)

    def token(event: TokenEvent) -> None:
        metrics.token(event)
        tell(event)
        for watch in watching:
            watch(event)

    app = App(config, Observers(finished, token, tell_of_tls, starved))
    extend: Extend = lambda _: None  # noqa: E731  nothing is added
    if config.admin.inspector:
        from proxy.inspecting import inspector_of  # noqa: PLC0415  off, it costs nothing

        inspector = inspector_of(app)
        watching.append(inspector.capture.logins.token)
        extend = inspector.extend
    async with contextlib.AsyncExitStack() as stack:
        if admin_socket is None and config.admin.listen is not None:
            admin_socket = open_socket(config.admin.listen)
        if admin_socket is not None:
            runner = await listen(AppView(app, metrics), admin_socket, app.hosts, extend)
            stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(app.stop)
        await app.start(sockets)
        admin = None if admin_socket is None else bound(admin_socket)
        yield app, admin


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


def curl(app: App, address: Address) -> str:
    """Return a command that asks the gateway at an address for something."""
    if app.certificate is None or not app.speaks_tls(address):
        return f"curl {url(address)}/"
    own = "--cert CERT.pem --key KEY.pem " if app.certificate.asks_clients else ""
    return f"curl {own}{url(address, 'https')}/"


def url(address: Address, scheme: str = "http") -> str:
    """Return what to type for an address: `0.0.0.0` is reached by way of loopback."""
    if not isinstance(address, TcpAddress):
        return f"--unix-socket {address.path} http://localhost"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  it is read, not bound
    return f"{scheme}://{TcpAddress(host, address.port)}"
