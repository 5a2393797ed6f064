"""The origin's side: one request at a time, its answer."""

from enum import Enum, auto
from typing import TYPE_CHECKING

from httptools import HttpResponseParser

from proxy.core.fields import ANSWER_CONTROL
from proxy.core.timeouts import Timeouts
from proxy.errors import BadUpstream, ConnectionTerminated, GatewayError, HeaderTooLarge, OriginError, UpstreamTimeout
from proxy.wire.body import CLOSE, NO_BODY
from proxy.wire.client import ClientConnection
from proxy.wire.connection import BODY, BY_QUEUE, DEAF, HEAD, Connection, Wire
from proxy.wire.message import Answer, Request, read_answer
from proxy.wire.sweep import NEVER

if TYPE_CHECKING:
    from proxy.wire.pool import Pool

# Little is read ahead of the decision whether an answer is passed on; interface.md bounds what is looked at.
PEEK = 64 * 1024


class Asking(Enum):
    """Where the exchange with the origin stands."""

    IDLE = auto()  # in the pool, or not yet used
    SENT = auto()  # a request is under way, no answer's head has come
    ANSWERING = auto()  # the answer's head has come
    ENDED = auto()  # closed, or about to be


IDLE, SENT, ANSWERING, ENDED = Asking.IDLE, Asking.SENT, Asking.ANSWERING, Asking.ENDED


class OriginConnection(Connection):
    """One connection to an origin.

    `answer` is there once its head is complete, `fault` once the exchange has failed; `heard` says whether anything
    came back at all, `reused` whether the connection had served before, `clean` whether it can serve again.
    """

    control_names = ANSWER_CONTROL

    def __init__(self, wire: Wire, pool: "Pool") -> None:
        super().__init__(wire)
        self.pool = pool
        self.state = IDLE
        self.answer: Answer | None = None
        self.fault: OriginError | None = None
        self.heard = self.reused = self.clean = False
        self._client: ClientConnection | None = None
        self._request: Request | None = None
        self._timeouts = Timeouts()
        self._spoilt = False  # more came than was asked for: not to be used again
        self._reason = b""

    def new_parser(self) -> HttpResponseParser:
        """Return a parser of answers."""
        return HttpResponseParser(self)

    # --- an exchange
    def ask(self, client: ClientConnection, request: Request, head: bytes, timeouts: Timeouts) -> None:
        """Send a request: its head now, its body as it comes."""
        self.state = SENT
        self._client, self._request, self._timeouts = client, request, timeouts
        self.answer = self.fault = None
        self.heard = self._spoilt = False
        self.pair(client)
        self.wire.outbox.send(self.transport, head)
        self._await_answer(request)
        body = request.body
        if body.framing is not NO_BODY:
            body.attach(self)
            body.flush()
            client.release(BY_QUEUE)

    def pass_on(self, data: bytes, *, last: bool) -> None:
        """Send more of the request's body."""
        if data:
            self.write(data)
        if self._request is not None and self.answer is None:
            self._await_answer(self._request)
        del last

    def _await_answer(self, request: Request) -> None:
        # Before the request is complete it is its sender who may be late: then the client's own deadline counts.
        self.deadline = self.wire.sweep.after(self._timeouts.response) if request.body.complete else NEVER

    def pause_writing(self) -> None:
        """Bound the time that the origin may take nothing of a request."""
        super().pause_writing()
        self.deadline = self.wire.sweep.after(self._timeouts.idle)

    def resume_writing(self) -> None:
        """The origin takes the request."""
        super().resume_writing()
        if self.state is SENT and self._request is not None:
            self._await_answer(self._request)

    def end(self) -> None:
        """Let go of the exchange: back to the pool, which keeps the connection if it is clean."""
        request, answer = self._request, self.answer
        if request is not None:
            request.body.detach()
        self.unpair()
        self.clean = (
            self.fault is None
            and not self.lost
            and not self._spoilt
            and self.reading is HEAD
            and request is not None
            and request.body.complete
            and answer is not None
            and answer.keep
            and answer.body.complete
        )
        self._client = self._request = self.receiving = None
        self.state = IDLE
        self.reused = True
        if self.held:
            self.release(BY_QUEUE)
        self.pool.give_back(self)

    def discard(self) -> None:
        """Close at once: what may still come is no use to anybody."""
        self.state = ENDED
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
        if answer is not None and answer.body.framing is CLOSE and exc is None and self.state is ANSWERING:
            if not answer.body.complete:
                self.body_complete()
                self.flush()
            return
        if answer is None or not answer.body.complete:
            self.fail(ConnectionTerminated(cause=str(exc) if exc else "closed by the origin"))

    def expired(self) -> None:
        """The origin has kept us waiting for too long, or has lain idle for long enough."""
        if self.state is IDLE:
            self.state = ENDED
            self.pool.forget(self)
            self.close()
        elif self.held:  # it is not the origin that is slow
            self.deadline = self.wire.sweep.after(self._timeouts.idle)
        else:
            self.fail(UpstreamTimeout())

    def fail(self, fault: OriginError) -> None:
        """The exchange has failed: its coroutine finds the fault when it looks."""
        if self.fault is None:
            self.fault = fault
            if self._client is not None:
                self._client.flow.wake()

    # --- bytes in
    def data_received(self, data: bytes) -> None:
        """Take a read; what nobody asked for ends the connection (RFC 9112 §11.2: response splitting)."""
        if self.state is IDLE:
            self.state = ENDED
            self.pool.forget(self)
            self.abort()
            return
        self.heard = True
        if self.reading is HEAD and self.answer is not None:
            self._spoilt = True
            return
        Connection.data_received(self, data)

    def flush(self) -> None:
        """Hand the body on, or hold the reading while nobody has decided where it goes."""
        answer = self.answer
        if answer is None or self.fault is not None or self._client is None:
            return
        body = answer.body
        if not body.complete:
            self.deadline = self.wire.sweep.after(self._timeouts.idle)
        if body.sink is not None:
            body.flush()
            return
        if body.pending >= PEEK:
            self.hold(BY_QUEUE)
        self._client.flow.wake()

    def refuse(self, error: GatewayError) -> None:
        """The answer is malformed, or rubbish follows a good one."""
        if self.answer is not None and self.answer.body.complete:
            self._spoilt = True
            return
        if self.reading is not DEAF:
            self.turn(DEAF)
        if isinstance(error, OriginError):
            self.fail(error)
        else:
            cause = "header section too large" if isinstance(error, HeaderTooLarge) else error.cause
            self.fail(BadUpstream(cause=cause))

    def upgraded(self, rest: bytes) -> None:
        """llhttp has stopped at an upgrade that nobody asked for."""
        del rest
        self.refuse(BadUpstream(cause="101 unasked"))

    # --- llhttp's events
    def on_message_begin(self) -> None:
        """A head begins; a second answer to one request is none (RFC 9112 §9.2)."""
        if self.answer is not None:
            self._spoilt = True
            raise BadUpstream(cause="more than one answer")
        self._lines, self._control, self._reason = [], {}, b""

    def on_status(self, part: bytes) -> None:
        """Take a piece of the reason phrase."""
        self._reason += part

    def on_headers_complete(self) -> None:
        """The answer is there, or an interim one that is passed by."""
        lines, control = self.head()
        parser, request = self.parser, self._request
        assert isinstance(parser, HttpResponseParser) and request is not None  # noqa: S101, PT018  for the type checker
        status = parser.get_status_code()
        if status < 200:  # noqa: PLR2004  RFC 9110 §15.2: interim
            self._interim(status, lines)
            return
        answer = read_answer(
            status,
            self._reason,
            parser.get_http_version(),
            lines,
            control,
            asked=request.method,
            keep=parser.should_keep_alive(),
        )
        self.state, self.answer, self.receiving = ANSWERING, answer, answer.body
        if answer.body.framing is NO_BODY:
            # llhttp would wait for the body that a HEAD answer announces.
            self.parser = HttpResponseParser(self)
        else:
            self.turn(BODY)

    def _interim(self, status: int, lines: list[bytes]) -> None:
        if status == 101:  # noqa: PLR2004  RFC 9110 §15.2.2
            raise BadUpstream(cause="101 unasked")
        client = self._client
        if client is not None and client.current is not None and not client.current.http10:
            client.write(b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, self._reason, b"".join(lines)))

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; one where there can be none is a second answer in disguise."""
        if self.reading is not BODY:
            self._spoilt = True
            raise BadUpstream(cause="a body where there can be none")
        self._heard = 0
        if self.receiving is not None:
            self.receiving.feed(data)

    def on_message_complete(self) -> None:
        """Complete the answer."""
        if self.answer is not None and self.reading.inside:
            self._heard = 0
            self.body_complete()
