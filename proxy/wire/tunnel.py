"""Two connections joined behind a 101 (RFC 9110 §7.8): bytes go across as they are."""

import asyncio
import contextlib
from collections.abc import Callable

from proxy.wire.connection import Connection
from proxy.wire.sweep import NEVER, Sweep


class Tunnel:
    """Carries bytes between a client and an origin until both have ended, either is lost, or nothing has come for long.

    `idle` is that time, in seconds, of both directions together. `received` and `sent` count bytes from and to the
    client. `wake` is called once, when it is `over`; the connections themselves belong to whoever opened the tunnel.
    """

    def __init__(self, sweep: Sweep, idle: float, wake: Callable[[], None]) -> None:
        self.over = False
        self.received = self.sent = 0
        self.deadline = NEVER
        self._sweep = sweep
        self._idle = idle
        self._wake = wake

    def open(
        self, client: Connection, origin: Connection, from_client: bytes, from_origin: bytes, *, ended: bool
    ) -> None:
        """Take over both transports; what came behind the handshake goes first, then the end of who has `ended`."""
        self._sweep.watched.add(self)
        ends = ClientEnd(self, client), OriginEnd(self, origin)
        for end, other, early in zip(ends, reversed(ends), (from_client, from_origin), strict=True):
            end.other = other
            end.connection.deadline = NEVER
            end.connection.transport.set_protocol(end)
            if early:
                end.data_received(early)
        self.moved()
        if ended:  # before the switch, where nobody could pass it on
            ends[0].eof_received()

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
        self.tunnel = tunnel
        self.ended = False

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.other.connection.write(data)
        self.tunnel.moved()

    def eof_received(self) -> bool:
        """Pass the end on; the other direction stays open, where the transports can do that (TLS cannot)."""
        self.ended = True
        there = self.other.connection.transport
        if (
            self.other.ended
            or there.is_closing()
            or not (self.connection.transport.can_write_eof() and there.can_write_eof())
        ):
            self.tunnel.end()
            return False
        self.connection.wire.outbox.post()
        with contextlib.suppress(OSError):  # a reset that nobody has noticed yet
            there.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """One side is gone: so is the tunnel."""
        self.connection.connection_lost(exc)
        self.tunnel.end()
        del self.other  # two ends that hold each other would wait for the garbage collector

    def pause_writing(self) -> None:
        """Stop the other side; how long that may last is the tunnel's business."""
        Connection.pause_writing(self.connection)

    def resume_writing(self) -> None:
        """Let the other side go on; what watched the connection from before the switch is done with."""
        self.connection.resume_writing()


class ClientEnd(End):
    """The end where the client is."""

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.tunnel.received += len(data)
        super().data_received(data)


class OriginEnd(End):
    """The end where the origin is."""

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.tunnel.sent += len(data)
        super().data_received(data)
