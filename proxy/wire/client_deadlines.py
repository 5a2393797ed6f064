"""How long a client may take: to ask, to send, to take its answers, to go. How its connection ends."""

import asyncio
import contextlib
import socket

from proxy.core.timeouts import Timeouts
from proxy.errors import RequestTimeout
from proxy.wire.client_reader import ClientReader
from proxy.wire.clients import SETTLED
from proxy.wire.connection import DEAF, HEAD, Connection, Wire
from proxy.wire.request import Request
from proxy.wire.state import Serving
from proxy.wire.sweep import NEVER

# How long what a client still sends is read and dropped behind the last answer, so that the answer is not lost to a
# reset (RFC 9112 §9.6): as long as it keeps sending at all, up to a bound; in seconds.
LINGER = 2.0
LINGER_AT_MOST = 30.0
# How many interim answers tell a client that has left for good from one that has only finished sending: the first
# draws the reset, the second meets it.
PROBES = 2

IDLE, ASKED, STARTED, CLOSING = Serving.IDLE, Serving.ASKED, Serving.STARTED, Serving.CLOSING


class Stall:
    """Ends a connection that takes nothing of what is written to it for `idle` seconds; taking some buys as many more.

    It runs beside the deadline of what the client sends: a client can be late with either.
    """

    def __init__(self, connection: Connection, idle: float) -> None:
        self._connection = connection
        self._idle = idle
        self._left = connection.transport.get_write_buffer_size()
        self._sweep = connection.wire.sweep
        self.deadline = self._sweep.after(idle)
        self._sweep.watched.add(self)

    def expired(self) -> None:
        """See whether anything has been taken since the last look."""
        left = self._connection.transport.get_write_buffer_size()
        if left < self._left or not left:  # with nothing left it is not the client that we wait for
            self._left = left
            self.deadline = self._sweep.after(self._idle)
        else:
            self._connection.abort()

    def end(self) -> None:
        """Look no more."""
        self._sweep.watched.discard(self)


class ClientDeadlines(ClientReader):
    """A client's connection as time sees it; its `deadline` is that of what the client sends.

    One that is `leaving` takes no further request, one that only no longer `stays` one more, whose answer says so; one
    that has `ended` sends none. `joining` is what connects it, TLS included, until it is connected; `listener` is what
    has accepted it.
    """

    listener: object = None

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        super().__init__(wire, timeouts)
        self.deadline = wire.sweep.after(timeouts.keep_alive)
        self.leaving = self.ended = False
        self.stays = True
        self.joining: asyncio.Task[None] | None = None
        self._probes = 0
        self._linger_until = NEVER
        self._stall: Stall | None = None
        self._deaf_below = False  # whether the transport below TLS has been told that the client has ended

    # --- what others may ask of it
    @property
    def idle_for(self) -> float:
        """How long it has waited for a request, or for the rest of its head, in seconds; 0 while one is under way."""
        if self.state is not IDLE or self._arrived is not None or self.leaving:
            return 0.0
        if self.transport is not None and self.transport.get_write_buffer_size():
            return 0.0
        within = self.timeouts.client_header if self._head else self.timeouts.keep_alive
        return self.wire.sweep.after(within) - self.deadline

    @property
    def busy(self) -> bool:
        """Whether a request is under way, behind which another may come."""
        return (self.state is ASKED or self.state is STARTED) and not self.leaving

    @property
    def connected(self) -> bool:
        """Whether it has come so far that it can ask."""
        return self.joining is None

    @property
    def unanswered(self) -> Request | None:
        """The request whose answer has not begun yet."""
        return self.current if self.state is ASKED and not self.lost else None

    # --- what the client does
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.joining = None
        self.secure = transport.get_extra_info("ssl_object") is not None
        self.deadline = self.wire.sweep.after(self.timeouts.keep_alive if self.stays else SETTLED)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch nothing any more."""
        super().connection_lost(exc)
        self._end_stall()

    def drop(self) -> None:
        """Something has come that is not looked at; behind the last answer, wait a little for its end."""
        if self.state is CLOSING:
            self.deadline = min(self.wire.sweep.after(LINGER), self._linger_until)

    def body_complete(self) -> None:
        """The request has come in whole: its client has nothing left to be late with."""
        super().body_complete()
        self.deadline = NEVER

    def eof_received(self) -> bool:
        """Answer what was asked before the end (RFC 9112 §9.6), if anything was; over TLS nothing could be sent."""
        self.ended = True
        if self.secure:
            self.flow.end()
            self.finish()
            return False
        if self.state is CLOSING or self.reading.inside or (self.state is IDLE and self._arrived is None):
            return False
        self.deadline = self.wire.sweep.after(0)
        return True

    def pause_writing(self) -> None:
        """Bound the time that a client may take nothing."""
        super().pause_writing()
        self._begin_stall()

    def resume_writing(self) -> None:
        """The client takes its answer; the last one is watched to its end."""
        super().resume_writing()
        if self.state is not CLOSING:
            self._end_stall()
            self.flow.wake()

    def _begin_stall(self) -> None:
        if self._stall is None:
            self._stall = Stall(self, self.timeouts.idle)

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.end()
            self._stall = None

    # --- what it does too late
    def expired(self) -> None:
        """Something has taken too long; which, the state tells."""
        if self.state is CLOSING:
            self._linger_over()
        elif self._head:
            self.refuse(RequestTimeout())
        elif self.current is None:
            self.leave()
        elif self.ended:
            self._probe()
        elif self.reading.inside:
            self._body_late()

    def _linger_over(self) -> None:
        """Close, if the last answer has left; whether the client still takes it, the stall tells."""
        if self.secure:
            self._goodbye_late()
        elif self.transport.get_write_buffer_size():
            self.deadline = self.wire.sweep.after(LINGER)
        else:
            self.close()

    def _goodbye_late(self) -> None:
        """Say goodbye; wait for the client's no longer than the answer takes to leave; then end from below."""
        if self._deaf_below:
            self.abort()
            return
        self.deadline = self.wire.sweep.after(LINGER)
        if not self.transport.is_closing():
            self.close()
        elif not self.transport.get_write_buffer_size():
            self._deaf_below = True
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
            deafen(self.transport)

    def _body_late(self) -> None:
        if self.held or self.state is STARTED:  # it is not the client that is slow, or the answer's bytes count as well
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
        else:
            self.refuse(RequestTimeout())

    def _probe(self) -> None:
        """Find out whether a client has closed or only finished sending: an interim answer tells (RFC 9110 §15.2)."""
        if self.state is ASKED and self.current is not None and not self.current.http10 and self._probes < PROBES:
            self._probes += 1
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.deadline = self.wire.sweep.after(0)

    # --- how it ends
    def part(self) -> None:
        """Leave behind the next answer that begins; before, if nothing is asked for as long as makes a client settled.

        So whoever asks on, not having been told yet, loses no request.
        """
        settled = self.idle_for >= SETTLED
        self.stays = False
        if settled:
            self.leave()
        elif self.state is IDLE and not self._head:
            self.deadline = min(self.deadline, self.wire.sweep.after(SETTLED))

    def leave(self) -> None:
        """Take no further request: close now if nothing is under way, else behind the answer."""
        self.leaving, self.stays = True, False
        if self.joining is not None:
            self.joining.cancel()
        self.flow.wake()

    def abort(self) -> None:
        """End at once, also before it is connected."""
        if self.joining is not None:
            self.joining.cancel()
        super().abort()

    def cut(self) -> None:
        """End an answer with a reset, so that the client sees that it is not whole: not all count a body's bytes.

        What it has not yet taken, of answers before this one too, goes with it.
        """
        self.state = CLOSING
        self.abort()

    def finish(self) -> None:
        """Close in good order behind the last answer; what the client still sends is read and dropped for a while."""
        if self.lost or self.state is CLOSING:
            return
        request, self.state = self.current, CLOSING
        self.wire.outbox.post()
        self._begin_stall()
        if (request is None or request.body.complete) and self.reading is HEAD and not self._unread:
            if self.secure:  # it has to say goodbye as well, which one that lies idle may never do
                self.deadline = self.wire.sweep.after(LINGER)
            self.close()
            return
        self.turn(DEAF)
        self.take_unread()
        self.deadline = self.wire.sweep.after(LINGER)
        self._linger_until = self.wire.sweep.after(LINGER_AT_MOST)
        if self.transport.can_write_eof() and not self.ended:
            with contextlib.suppress(OSError):  # a reset that nobody has noticed yet
                self.transport.write_eof()
        elif self.ended or not self.secure:  # behind TLS's goodbye nothing more would be read: that comes later
            self.close()


def deafen(transport: asyncio.Transport) -> None:
    """End a TLS connection whose client says no goodbye: below TLS this reads as its end.

    What waits there, in a buffer that cannot be seen, still leaves; `abort` would lose it.
    """
    given = transport.get_extra_info("socket")
    if given is None:  # it has just gone
        return
    with contextlib.suppress(OSError), socket.fromfd(given.fileno(), given.family, given.type) as sock:
        sock.shutdown(socket.SHUT_RD)  # of the connection, whichever descriptor is used
