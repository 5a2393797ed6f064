"""The client's side: its requests one by one, answers out."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.core.holder import holder
from proxy.core.timeouts import Timeouts
from proxy.errors import GatewayError, RequestTimeout
from proxy.wire.answer import Answer
from proxy.wire.body import CHUNKED, CLOSE
from proxy.wire.client_reader import ClientReader
from proxy.wire.clients import Clients
from proxy.wire.connection import DEAF, HEAD, Wire, waits_below
from proxy.wire.date import date_line
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

# The address of a peer on a Unix socket.
UNIX = "unix:"

Serve = Callable[["ClientConnection"], Coroutine[Any, Any, None]]


class Stall:
    """The time that a client may take nothing of what is written to it."""

    def __init__(self, expired: Callable[[], None], deadline: float) -> None:
        self.expired = expired
        self.deadline = deadline


class ClientConnection(ClientReader):
    """One connection of a client. `serve` is the coroutine that answers its requests; it ends when the client is gone.

    A connection that is `leaving` takes no further request; one that has `ended` sends none.
    """

    def __init__(self, wire: Wire, timeouts: Timeouts, serve: Serve, clients: Clients) -> None:
        super().__init__(wire, timeouts)
        self.leaving = self.ended = False
        self.address = ""
        self.admitted = False  # whether requests of this peer are answered at all
        self.name = ""  # whom its certificate names
        self.forwarded = b""  # the fields that tell the origin of this client
        self.sent = 0  # bytes of the current answer's body, as framed for this client
        self._serve = serve
        self._clients = clients
        self._probes = 0
        self._linger_until = NEVER
        self._left_to_send = float("inf")
        self._stall: Stall | None = None

    # --- transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else UNIX
        self.secure = transport.get_extra_info("ssl_object") is not None
        self.name = holder(transport.get_extra_info("peercert"))
        self.forwarded = forwarded(self.address, self.scheme)
        self._clients.add(self)
        self.deadline = self.wire.sweep.after(self.timeouts.keep_alive)
        self.flow.start(self._serve(self))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the coroutine wherever it stands; what it holds is freed on its way out."""
        super().connection_lost(exc)
        self._takes_on()
        self._clients.discard(self)
        self.flow.end()

    def drop(self) -> None:
        """Something has come that is not looked at; behind the last answer, wait a little for its end."""
        if self.state is CLOSING:
            self.deadline = min(self.wire.sweep.after(LINGER), self._linger_until)

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
        """Bound the time that a client may take nothing; it runs beside the deadline of what the client sends."""
        super().pause_writing()
        self._stall = Stall(self.abort, self.wire.sweep.after(self.timeouts.idle))
        self.wire.sweep.watched.add(self._stall)

    def resume_writing(self) -> None:
        """The client takes its answer."""
        super().resume_writing()
        self._takes_on()
        self.flow.wake()

    def _takes_on(self) -> None:
        if self._stall is not None:
            self.wire.sweep.watched.discard(self._stall)
            self._stall = None

    def expired(self) -> None:
        """Something has taken too long; which, the state tells."""
        if self.state is CLOSING:
            self._closing_expired()
        elif self._head:
            self.refuse(RequestTimeout())
        elif self.current is None:
            self.leave()
        elif self.ended:
            self._probe()
        elif self.reading.inside:
            self._body_expired()

    def _closing_expired(self) -> None:
        """Close for good; an answer that the client still takes is not cut short."""
        if self.secure and not self.transport.is_closing():
            self.deadline = self.wire.sweep.after(LINGER)
            self.close()
            return
        left = self.transport.get_write_buffer_size() or (self.secure and waits_below(self.transport))
        if not left:
            self.transport.abort()  # no reset: the kernel may have some of the answer left to send
        elif left < self._left_to_send:
            self._left_to_send = left
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
        else:
            self.abort()

    def _body_expired(self) -> None:
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

    # --- what the coroutine awaits
    async def next_request(self) -> Request | None:
        """Wait for a request and return it, or None when there will be no more. Raises GatewayError for a bad one."""
        if (self._unread or self.full) and not self.leaving:
            await self._give_way()
        self.current, self.state = None, IDLE
        self.body_taken()
        while self._arrived is None:
            if self.leaving:
                return None
            if self._unread:
                self.data_received(self.take_unread())
                if self.ended and self.reading.inside:
                    return None  # a request that was cut short
                continue
            if self.reading is DEAF or self.ended:
                return None
            if not self._head:
                self.deadline = self.wire.sweep.after(self.timeouts.keep_alive)
            await self.flow
        message, self._arrived = self._arrived, None
        self.state, self.sent = ASKED, 0
        if isinstance(message, GatewayError):
            raise message
        self.current = message
        if message.body.complete:
            self.deadline = NEVER
        return message

    async def _give_way(self) -> None:
        """Let the other connections have their turn, and this client take its answers: our own wait for nothing."""
        self.wire.loop.call_soon(self.flow.wake)
        await self.flow
        while self.full and not self.leaving:
            await self.flow

    def leave(self) -> None:
        """Take no further request: close now if nothing is under way, else behind the answer."""
        self.leaving = True
        self.flow.wake()

    def body_complete(self) -> None:
        """The request has come in whole: its client has nothing left to be late with."""
        super().body_complete()
        self.deadline = NEVER

    # --- answers out
    def start_answer(self, answer: Answer) -> bool:
        """Send the head of the origin's answer and what of its body has come; the rest follows as it comes.

        Returns whether the connection may be used on behind it.
        """
        request = self.current
        assert request is not None  # noqa: S101  an answer is started behind a request alone
        body = answer.body
        if body.framing is CHUNKED or body.framing is CLOSE:
            # RFC 9112 §6.1: a 1.0 client knows no chunks; the end of the connection ends the body.
            body.outgoing = CLOSE if request.http10 else CHUNKED
        keep = request.keep and request.body.complete and body.outgoing is not CLOSE and not self.leaving
        self.state, request.keep = STARTED, keep
        head = b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n" % (
            answer.status,
            answer.reason,
            b"".join(answer.lines),
            b"" if b"date" in answer.control else date_line(),  # RFC 9110 §6.6.1: who forwards adds what is missing
            b"Transfer-Encoding: chunked\r\n" if body.outgoing is CHUNKED else answer.framing,
            switching(answer) if answer.upgrade else self._persistence(request),
        )
        data = body.begin(self)
        self.sent = len(data)
        self.wire.outbox.send(self.transport, head + data)
        return keep

    def own_answer(self, head: bytes, body: bytes) -> bool:
        """Send an answer of our own; `head` lacks its last empty line. Returns whether the connection is usable on."""
        request = self.current
        keep = request is not None and request.keep and request.body.complete and not self.leaving
        if request is not None:
            request.keep = keep
            if request.method == b"HEAD":
                body = b""
        self.state = STARTED
        self.sent = len(body)
        tail = b"Connection: close\r\n" if request is None else self._persistence(request)
        self.write(b"%b%b%b\r\n%b" % (head, date_line(), tail, body))
        return keep

    @staticmethod
    def _persistence(request: Request) -> bytes:
        if not request.keep:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if request.http10 else b""

    def pass_on(self, data: bytes, *, last: bool) -> None:
        """Send more of the origin's answer."""
        if data:
            self.sent += len(data)
            self.write(data)
        if last:
            self.flow.wake()

    def cut(self) -> None:
        """End an answer so that the client sees that it is not whole: a reset where only the close would end it."""
        self.state = CLOSING
        self.abort()

    def finish(self) -> None:
        """Close in good order behind the last answer; what the client still sends is read and dropped for a while."""
        if self.lost or self.state is CLOSING:
            return
        request, self.state = self.current, CLOSING
        if (request is None or request.body.complete) and self.reading is HEAD and not self._unread:
            # It may take nothing more; over TLS it has to say goodbye as well, which who only waits may never do.
            self.deadline = self.wire.sweep.after(LINGER if self.secure else self.timeouts.idle)
            self.close()
            return
        self.turn(DEAF)
        self.take_unread()
        self.deadline = self.wire.sweep.after(LINGER)
        self._linger_until = self.wire.sweep.after(LINGER_AT_MOST)
        self.wire.outbox.post()
        if self.transport.can_write_eof() and not self.ended:
            with contextlib.suppress(OSError):  # a reset that nobody has noticed yet
                self.transport.write_eof()
        elif self.ended or not self.secure:  # behind TLS's goodbye nothing more would be read: that comes later
            self.close()


def switching(answer: Answer) -> bytes:
    """Return the lines that end the head of a 101 (RFC 9110 §7.8)."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % answer.upgrade


def forwarded(address: str, scheme: bytes) -> bytes:
    """Return the X-Forwarded fields that are the same for a whole connection; a Unix socket's peer has no address."""
    line = b"" if address == UNIX else b"X-Forwarded-For: %b\r\n" % address.encode()
    return b"%bX-Forwarded-Proto: %b\r\n" % (line, scheme)
