"""The client's side: its requests one by one, answers out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.core.forwarded import telling
from proxy.core.holder import holder
from proxy.core.timeouts import Timeouts
from proxy.errors import GatewayError
from proxy.wire.answer import Answer
from proxy.wire.body import CHUNKED, CLOSE
from proxy.wire.client_deadlines import ASKED, IDLE, STARTED, ClientDeadlines
from proxy.wire.clients import SETTLED, Clients
from proxy.wire.connection import DEAF, Wire
from proxy.wire.date import date_line
from proxy.wire.request import Request
from proxy.wire.sweep import NEVER

# The address of a peer on a Unix socket.
UNIX = "unix:"

Serve = Callable[["ClientConnection"], Coroutine[Any, Any, None]]


class ClientConnection(ClientDeadlines):
    """One connection of a client, accepted from `address`; it counts from now on, connected or not.

    `serve` is the coroutine that answers its requests; it ends when the client does.
    """

    def __init__(self, wire: Wire, timeouts: Timeouts, serve: Serve, clients: Clients, address: str) -> None:
        super().__init__(wire, timeouts)
        self.address = address
        self.name: str | None = None  # whom its certificate names
        self.admitted = False  # whether requests of this peer are answered at all
        self.trusted = False  # whether what it says of its own clients is believed
        self.settled = False  # whether there is nothing more to know of it
        self.forwarded = b""  # the fields that tell the origin of this client
        self.sent = 0  # bytes of the current answer's body, as framed for this client
        self._serve = serve
        self._clients = clients
        self.share = clients.add(self, address)

    # --- transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        self.name = holder(transport.get_extra_info("peercert")) or None
        self.forwarded = telling([] if self.address == UNIX else [self.address], self.scheme)
        self.flow.start(self._serve(self))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the coroutine wherever it stands; what it holds is freed on its way out."""
        super().connection_lost(exc)
        self._clients.discard(self)
        self.flow.end()

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
                self.deadline = self.wire.sweep.after(self.timeouts.keep_alive if self.stays else SETTLED)
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
        keep = request.keep and request.body.complete and body.outgoing is not CLOSE and self.stays
        self.state, request.keep = STARTED, keep
        head = b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n" % (
            answer.status,
            answer.reason,
            b"".join(answer.lines),
            b"" if b"date" in answer.control else date_line(),  # RFC 9110 §6.6.1: who forwards adds what is missing
            b"Transfer-Encoding: chunked\r\n" if body.outgoing is CHUNKED else answer.framing,
            switching(answer) if answer.upgrade else b"" if keep and not request.http10 else self._persistence(request),
        )
        data = body.begin(self)
        self.sent = len(data)
        self.wire.outbox.send(self.transport, head + data)
        return keep

    def own_answer(self, head: bytes, body: bytes) -> bool:
        """Send an answer of our own; `head` lacks its last empty line. Returns whether the connection is usable on."""
        request = self.current
        keep = request is not None and request.keep and request.body.complete and self.stays
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


def switching(answer: Answer) -> bytes:
    """Return the lines that end the head of a 101 (RFC 9110 §7.8)."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % answer.upgrade
