"""Two connections joined behind a 101 (RFC 9110 §7.8): bytes go across as they are."""

import asyncio
from collections.abc import Callable

from proxy.wire.connection import Connection
from proxy.wire.sweep import NEVER, Sweep


class Tunnel:
    """Carries bytes between a client and an origin until both have ended, either is lost, or nothing has come for long.

    `idle` is that time, in seconds, of both directions together. `received` and `sent` count bytes from and to the
    client. `wake` is called once, when it is `over`; the connections themselves belong to whoever opened the tunnel.
    """

    def __init__(
        self, client: Connection, origin: Connection, sweep: Sweep, idle: float, wake: Callable[[], None]
    ) -> None:
        self.over = False
        self.deadline = NEVER
        self._client, self._origin = End(self, client), End(self, origin)
        self._client.other, self._origin.other = self._origin, self._client
        self._sweep = sweep
        self._idle = idle
        self._wake = wake

    @property
    def received(self) -> int:
        """Bytes that came from the client."""
        return self._client.count

    @property
    def sent(self) -> int:
        """Bytes that went to the client."""
        return self._origin.count

    def open(self, from_client: bytes, from_origin: bytes) -> None:
        """Take over both transports; what has come behind the handshake goes first."""
        self._sweep.watched.add(self)
        for end, early in ((self._client, from_client), (self._origin, from_origin)):
            end.connection.deadline = NEVER
            end.connection.transport.set_protocol(end)
            if early:
                end.data_received(early)
        self.moved()

    def moved(self) -> None:
        """Something has crossed."""
        self.deadline = self._sweep.after(self._idle)

    def expired(self) -> None:
        """Nothing has crossed for too long."""
        self.end()

    def end(self) -> None:
        """No more will cross."""
        if not self.over:
            self.over = True
            self._sweep.watched.discard(self)
            self._wake()


class End(asyncio.Protocol):
    """One end of a tunnel: what comes in here goes out there."""

    other: "End"

    def __init__(self, tunnel: Tunnel, connection: Connection) -> None:
        self.connection = connection
        self.count = 0
        self._tunnel = tunnel
        self._ended = False

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.count += len(data)
        self.other.connection.write(data)
        self._tunnel.moved()

    def eof_received(self) -> bool:
        """Pass the end on; the other direction stays open, where the transports can do that (TLS cannot)."""
        self._ended = True
        if self.other._ended or not self._can_half_close():  # noqa: SLF001  the other end of the same tunnel
            self._tunnel.end()
            return False
        self.connection.wire.outbox.post()
        if not self.other.connection.transport.is_closing():
            self.other.connection.transport.write_eof()
        return True

    def _can_half_close(self) -> bool:
        return all(end.connection.transport.can_write_eof() for end in (self, self.other))

    def connection_lost(self, exc: Exception | None) -> None:
        """One side is gone: so is the tunnel."""
        self.connection.connection_lost(exc)
        self._tunnel.end()

    def pause_writing(self) -> None:
        """Stop the other side."""
        Connection.pause_writing(self.connection)

    def resume_writing(self) -> None:
        """Let the other side go on."""
        Connection.resume_writing(self.connection)
