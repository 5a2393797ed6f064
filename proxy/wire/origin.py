"""The origin's side: one request at a time, its answer."""

import asyncio
import ssl
from typing import TYPE_CHECKING

from proxy.core.shares import Share
from proxy.core.timeouts import Timeouts
from proxy.errors import ConnectionTerminated, GatewayError, UpstreamTimeout
from proxy.wire.body import CLOSE, EMPTY, NO_BODY
from proxy.wire.client import ClientConnection
from proxy.wire.connection import BY_QUEUE, HEAD, Wire
from proxy.wire.origin_reader import ANSWERING, ENDED, HELD, IDLE, SENT, SWITCHED, OriginReader, Returned
from proxy.wire.request import Request
from proxy.wire.sweep import NEVER

if TYPE_CHECKING:
    from proxy.wire.pool import Pool

# RFC 9110 §10.1.1: how long a body is held back for `100 Continue`; an origin that keeps silent may not know it.
CONTINUE_WITHIN = 1.0
# An answer may begin before the request is through; then both go on.
SENDING = frozenset((SENT, ANSWERING))
# How long a tunnel's last bytes may take to leave, in seconds.
LAST_BYTES = 2.0


class OriginConnection(OriginReader):
    """One connection to an origin: `reused` if it has served before, `clean` if it can serve again."""

    def __init__(self, wire: Wire, pool: "Pool") -> None:
        super().__init__(wire)
        self.pool = pool
        self.taken_for: Share  # whoever asks by it; the pool's to know
        self.reused = self.clean = False
        self._ended_well = False

    # --- an exchange
    def ask(
        self,
        client: ClientConnection,
        request: Request,
        head: bytes,
        timeouts: Timeouts,
        returned: Returned,
        *,
        hold: bool,
    ) -> None:
        """Send a request: its head now, its body as it comes; with `hold` not before the origin wants it.

        `returned` says how field lines read at the gateway, for interim answers.
        """
        self._returned = returned
        self.state = HELD if hold else SENT
        self._client, self._request, self.timeouts = client, request, timeouts
        self.answer = self.fault = None
        self.heard = self._spoilt = False
        self._start = b""
        if self.lost:  # between its coming and our asking: nothing will tell us any more
            self.fault = ConnectionTerminated(cause="closed by the origin")
            return
        self.pair(client)
        self.wire.outbox.send(self.transport, head)
        if hold:
            self.deadline = self.wire.sweep.after(CONTINUE_WITHIN)
        else:
            self._send_body()

    def _send_body(self) -> None:
        request, client = self._request, self._client
        assert request is not None and client is not None  # noqa: S101, PT018  both are there from `ask` to `end`
        self.state = SENT
        self._await_answer(request)
        if request.body.framing is not NO_BODY:
            request.body.attach(self)
            self._pump()
            client.body_taken()

    def _pump(self) -> None:
        """Send what has come of the body; of what is sent again, as much as the origin takes."""
        request = self._request
        if request is None or self.lost or self.state not in SENDING:
            return
        try:
            request.body.flush()
        except GatewayError as error:
            request.broken = error
            if self._client is not None:
                self._client.flow.wake()
            return
        if request.body.again and not self.full:
            self.wire.loop.call_soon(self._pump)

    def pass_on(self, data: bytes, *, last: bool) -> None:
        """Send more of the request's body."""
        if data:
            self.write(data)
        if self._request is not None and self.answer is None:
            self._await_answer(self._request)
        elif not self.full:  # an answer has begun: bytes of the request are a sign of life too
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
        del last

    def _await_answer(self, request: Request) -> None:
        if self.full:
            return  # `pause_writing` has set the deadline
        # Before the request is complete it is its sender who may be late: then the client's own deadline counts.
        self.deadline = self.wire.sweep.after(self.timeouts.response) if request.body.complete else NEVER

    def pause_writing(self) -> None:
        """Bound the time that the origin may take nothing of a request."""
        super().pause_writing()
        self.deadline = self.wire.sweep.after(self.timeouts.idle)

    def resume_writing(self) -> None:
        """The origin takes the request."""
        super().resume_writing()
        if self._request is None:
            return
        if self.state is SENT:
            self._await_answer(self._request)
        self._pump()

    def end(self) -> None:
        """Let go of the exchange: back to the pool, which keeps the connection if it is clean."""
        request, answer = self._request, self.answer
        if request is not None and request.body is not EMPTY:
            request.body.detach()
        self.unpair()
        self.clean = (
            self.fault is None
            and self.state is ANSWERING
            and not self.lost
            and not self._spoilt
            and self.reading is HEAD
            and request is not None
            and (request.body.framing is NO_BODY or (request.body.sent and not self.transport.get_write_buffer_size()))
            and answer is not None
            and answer.keep
            and answer.body.complete
        )
        self._client = self._request = self.receiving = None
        if self.state is not SWITCHED:
            self.state = IDLE
        self.reused = True
        if self.held:
            self.release(BY_QUEUE)
        self.pool.give_back(self)

    def discard(self) -> None:
        """Close at once: what may still come is no use to anybody. A tunnel's last bytes are let out."""
        switched, self.state = self.state is SWITCHED, ENDED
        if switched:
            self.deadline = self.wire.sweep.after(LAST_BYTES)
            self.close()
        else:
            self.abort()

    def wanted(self) -> None:
        """The origin wants the body that was held back."""
        if self.state is HELD:
            self._send_body()

    def unasked(self) -> None:
        """An origin that sends what nobody asked for is not used again (RFC 9112 §9.2)."""
        self.state = ENDED
        self.pool.forget(self)
        self.abort()

    # --- transport
    def connection_lost(self, exc: Exception | None) -> None:
        """The origin has closed; what that means depends on what was under way."""
        super().connection_lost(exc)
        if self.state is IDLE:
            self.state = ENDED
            self.pool.forget(self)
            return
        answer = self.answer
        ended_well = exc is None and self._ended_well
        if answer is not None and answer.body.framing is CLOSE and self.state is ANSWERING and ended_well:
            if not answer.body.complete:
                self.body_complete()
                self.flush()
            return
        if answer is None or not answer.body.complete:
            self.fail(ConnectionTerminated(cause=str(exc) if exc else "closed by the origin"))

    def eof_received(self) -> bool:
        """The origin sends no more; `connection_lost` follows."""
        self._ended_well = said_goodbye(self.transport)
        return False

    def expired(self) -> None:
        """The origin has kept us waiting for too long, or has lain idle for long enough."""
        if self.state is HELD:
            self._send_body()
        elif self.state is ENDED:
            self.abort()
        elif self.state is IDLE:
            self.state = ENDED
            self.pool.forget(self)
            self.close()
        elif self.held:  # it is not the origin that is slow
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
        else:
            self.fail(UpstreamTimeout())


def said_goodbye(transport: asyncio.Transport) -> bool:
    """Return whether an end is what the origin wanted: over TLS without close_notify it may be an attacker's.

    RFC 9112 §9.8; asyncio does not tell the two apart, OpenSSL does when it is asked for more.
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        return not tls.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False
