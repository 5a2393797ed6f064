"""What the log says of logins, tokens, keys, certificates and workers, and of clients that have to wait."""

import math

import structlog

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
from proxy.core.worker_events import WorkerDied, WorkerEvent, WorkerHangs


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


def tell_of_workers(event: WorkerEvent) -> None:
    """Write what became of a worker into the log."""
    log = structlog.get_logger()
    match event:
        case WorkerHangs():
            log.error("a worker hangs, and is killed", pid=event.pid)
        case WorkerDied():
            words = "a worker has ended that was not told to; another takes its place"
            log.error(words, pid=event.pid, exit=event.code, in_s=event.restart_in)
