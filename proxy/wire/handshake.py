"""TLS towards clients: the time between a client's connecting and its first byte that anybody reads."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from proxy.core.tls_events import HandshakeFailed
from proxy.wire.client import ClientConnection

# How long, in seconds, asyncio lets an answer and the goodbye behind it take to leave. The sweep looks after that, and
# knows a client that is slow from one that has gone.
SHUTDOWN = 24 * 60 * 60.0

# What OpenSSL says of bytes that are no TLS at all. It writes no alert then, and the client waits for an answer.
NO_TLS = frozenset(("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"))

# Where the object that shakes hands in a task puts what has gone wrong.
_failure: ContextVar[list[ssl.SSLError]] = ContextVar("failure")


class HasContext(Protocol):
    """Whatever knows by which certificate TLS is spoken now."""

    @property
    def context(self) -> ssl.SSLContext:
        """That of the moment."""
        ...


class Handshake:
    """How a client that has been accepted comes to speak TLS; `failed` is told when nothing comes of it."""

    def __init__(self, certificate: HasContext, failed: Callable[[HandshakeFailed], None]) -> None:
        self._certificate = certificate
        self._failed = failed

    async def shake(self, client: ClientConnection, sock: socket.socket) -> None:
        """Connect a client by TLS, within the time that it has for a header section."""
        context = self._certificate.context
        context.sslobject_class = Alerting
        failure: list[ssl.SSLError] = []
        _failure.set(failure)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: client,
                sock,
                ssl=context,
                ssl_handshake_timeout=client.timeouts.client_header,
                ssl_shutdown_timeout=SHUTDOWN,
            )
        except OSError as error:  # SSLError and its timeout are
            self._failed(HandshakeFailed(client.address, words(failure[0] if failure else error)))


class Alerting(ssl.SSLObject):
    """Lets the alert go out that tells a client what is wrong with its handshake, and fails when the client has gone.

    asyncio and uvloop close at once, and what OpenSSL has written for the client is lost.
    """

    _failed: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Shake hands, as far as what has come allows. Raises SSLError."""
        if self._failed is not None:
            raise self._failed
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            _failure.get([]).append(error)
            if error.reason in NO_TLS:
                raise
            self._failed = error
            raise ssl.SSLWantReadError from None


def words(error: OSError) -> str:
    """Return what went wrong, without the line of C where it was noticed."""
    return re.sub(r" \(_ssl\.c:\d+\)", "", str(error)) or "the client left in the middle"
