"""TLS towards clients: the time between a client's connecting and its first byte that anybody reads."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, cast

from proxy.core.tls_events import HandshakeFailed
from proxy.wire.clients import Clients

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


class Handshake(asyncio.Protocol):
    """A connection that has been accepted and does not speak TLS yet; `new_client` makes what takes over when it does.

    It is one of the `clients` from the beginning, so a drain does not overlook it. `within` bounds it, in seconds;
    `failed` is told when it comes to nothing.
    """

    def __init__(
        self,
        certificate: HasContext,
        within: float,
        new_client: Callable[[], asyncio.Protocol],
        clients: Clients,
        failed: Callable[[HandshakeFailed], None],
    ) -> None:
        self._certificate = certificate
        self._within = within
        self._new_client = new_client
        self._clients = clients
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection from its transport, which is about to read: TLS wants one of its own from the start."""
        plain = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        given, name = plain.get_extra_info("socket"), plain.get_extra_info("peername")
        peer = str(name[0]) if name else "gone"  # a reset has come with it
        try:
            self._begin(socket.fromfd(given.fileno(), given.family, given.type), peer)
        except OSError as error:  # out of descriptors
            self._failed(HandshakeFailed(peer, words(error)))
        plain.abort()  # this descriptor; the connection lives on in the other

    def leave(self) -> None:
        """End: nothing has been asked yet."""
        self.abort()

    def abort(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self, sock: socket.socket, peer: str) -> None:
        self._clients.add(self)
        self._task = asyncio.get_running_loop().create_task(self._shake(sock, peer))
        self._task.add_done_callback(lambda task: self._done(task, sock))

    async def _shake(self, sock: socket.socket, peer: str) -> None:
        context = self._certificate.context
        context.sslobject_class = Alerting
        failure: list[ssl.SSLError] = []
        _failure.set(failure)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._new_client,
                sock,
                ssl=context,
                ssl_handshake_timeout=self._within,
                ssl_shutdown_timeout=SHUTDOWN,
            )
        except OSError as error:  # SSLError and its timeout are
            self._failed(HandshakeFailed(peer, words(failure[0] if failure else error)))

    def _done(self, task: "asyncio.Task[None]", sock: socket.socket) -> None:
        self._clients.discard(self)
        if task.cancelled():  # perhaps before it had begun
            sock.close()


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
