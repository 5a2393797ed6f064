"""Answers in: from bytes to the one answer that was asked for."""

from collections.abc import Callable
from enum import Enum, auto

from httptools import HttpResponseParser

from proxy.core.fields import ANSWER_CONTROL, NO_TRAILERS, REFERRING, Control, Lines, nominated, without
from proxy.core.timeouts import Timeouts
from proxy.errors import BadUpstream, GatewayError, HeaderTooLarge, OriginError
from proxy.wire.answer import SWITCHING, Answer, hidden, read_answer
from proxy.wire.body import LENGTH, NO_BODY
from proxy.wire.client import ClientConnection
from proxy.wire.connection import BY_QUEUE, COUNTED, DEAF, HEAD, PARSED, Connection, Wire
from proxy.wire.request import Request

# Little is read ahead of the decision whether an answer is passed on; interface.md bounds what is looked at.
PEEK = 64 * 1024
START = b"HTTP/1."
CONTINUE = 100
FINAL = 200  # RFC 9110 §15: what is below is interim

Returned = Callable[[Lines, Request], Lines]


class Asking(Enum):
    """Where the exchange with the origin stands."""

    IDLE = auto()  # in the pool, or not yet used
    HELD = auto()  # the head of a request has been sent, its body waits for `100 Continue`
    SENT = auto()  # a request is under way, no answer's head has come
    ANSWERING = auto()  # the answer's head has come
    SWITCHED = auto()  # no longer HTTP
    ENDED = auto()  # closed, or about to be


IDLE, HELD, SENT, ANSWERING, SWITCHED, ENDED = Asking


class OriginReader(Connection):
    """The reading half of an origin's connection; all of it goes through llhttp but bodies of known length.

    `answer` is there once its head is complete, `fault` once the exchange has failed; `heard` says whether anything
    came back at all. `behind_switch` holds what came behind a 101.
    """

    control_names = ANSWER_CONTROL

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.state = IDLE
        self.answer: Answer | None = None
        self.fault: OriginError | None = None
        self.heard = False
        self.timeouts = Timeouts()
        self.behind_switch = b""
        self._client: ClientConnection | None = None
        self._request: Request | None = None
        self._spoilt = False  # more came than was asked for, or less was sent than announced: not to be used again
        self._returned: Returned = lambda lines, _: lines
        self._reason = b""
        self._start = b""  # the first bytes of an answer
        self._heard = 0  # bytes since the last one that belonged to a body

    def new_parser(self) -> HttpResponseParser:
        """Return a parser of answers."""
        return HttpResponseParser(self)

    def unasked(self) -> None:
        """Bytes have come while nothing was asked for."""
        raise NotImplementedError

    def fail(self, fault: OriginError) -> None:
        """The exchange has failed: its coroutine finds the fault when it looks."""
        if self.fault is None:
            self.fault = fault
            if self._client is not None:
                self._client.flow.wake()

    def wanted(self) -> None:
        """The origin has sent `100 Continue`."""
        raise NotImplementedError

    # --- bytes in
    def data_received(self, data: bytes) -> None:
        """Take a read of any length; what nobody asked for ends the connection (RFC 9112 §11.2: response splitting)."""
        if self.state is IDLE:
            self.unasked()
            return
        self.heard = True
        at_most = self.wire.max_head
        if self.reading is HEAD and self.answer is None and len(data) <= at_most:
            self._parse(data)
        elif len(data) <= at_most or self.reading is COUNTED:
            self._take(data)
        else:
            # What llhttp gathers within one read counts too.
            for at in range(0, len(data), at_most):
                self._take(data[at : at + at_most])
        self.flush()

    def _take(self, data: bytes) -> None:
        reading = self.reading
        if reading is COUNTED:
            if self.count(data):
                self._spoilt = True
        elif reading is PARSED or (reading is HEAD and self.answer is None):
            self._parse(data)
        elif self.state is SWITCHED:
            self.behind_switch += data
        else:
            self._spoilt = True

    def _parse(self, data: bytes) -> None:
        if self._start is not START and not self._starts(data):
            self.refuse(BadUpstream(cause="not HTTP/1"))
            return
        self._heard += len(data)
        try:
            taken = self.parse(data)
        except GatewayError as error:
            self.refuse(error)
            return
        if self.state is SWITCHED:
            self.behind_switch = data[taken:]
        elif self._heard > self.wire.max_head:
            # llhttp gathers a head, trailers or a chunk extension without bound.
            self.refuse(HeaderTooLarge())
        elif self.reading is PARSED and self.answer is not None and self.answer.body.framing is LENGTH:
            self._left = self.answer.body.length - self.answer.body.size
            self.turn(COUNTED)

    def _starts(self, data: bytes) -> bool:
        """Return whether what comes back begins as an answer of HTTP/1 does; llhttp would take RTSP for it."""
        start = self._start + data[: len(START) - len(self._start)]
        self._start = START if start == START else start
        return START.startswith(start)

    def flush(self) -> None:
        """Hand the body on, or hold the reading while nobody has decided where it goes."""
        answer = self.answer
        if answer is None or self.fault is not None or self._client is None:
            return
        body = answer.body
        if not body.complete:
            self.deadline = self.wire.sweep.after(self.timeouts.idle)
        if body.sink is not None:
            body.flush()
            return
        if body.pending >= PEEK or self.state is SWITCHED:
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
        """The answer is there, or an interim one."""
        lines, control = self._fields()
        parser, request = self.parser, self._request
        assert isinstance(parser, HttpResponseParser) and request is not None  # noqa: S101, PT018  for the type checker
        status = parser.get_status_code()
        if CONTINUE <= status < FINAL and status != SWITCHING:
            lines = without(lines, nominated(control))
            self._interim(status, lines if REFERRING.isdisjoint(control) else self._returned(lines, request))
            return
        answer = read_answer(
            status,
            self._reason,
            parser.get_http_version(),
            lines,
            control,
            asked=request,
            keep=parser.should_keep_alive(),
        )
        self._spoilt = self.state is HELD  # the body that the head announced was not sent
        self.state, self.answer, self.receiving = SWITCHED if answer.upgrade else ANSWERING, answer, answer.body
        if answer.body.framing is NO_BODY:
            # llhttp would wait for the body that a HEAD answer announces.
            self.parser = HttpResponseParser(self)
        else:
            self.turn(PARSED)

    def _fields(self) -> tuple[Lines, Control]:
        """Return the fields of a complete head; what comes from now on are trailers."""
        lines, control = self._lines, self._control
        # A read may hold more than the head: what was heard is worth counting only where it is a lot.
        if self._heard > self.wire.max_head and size(lines, control) > self.wire.max_head:
            raise HeaderTooLarge
        self._lines, self._control, self._heard = [], {}, 0
        return lines, control

    def _interim(self, status: int, lines: list[bytes]) -> None:
        """Pass an interim answer on (RFC 9110 §15.2): all of them to 1.1 clients, none to 1.0 clients."""
        self._start = START  # the next head may have begun within this read
        client, request = self._client, self._request
        assert client is not None and request is not None  # noqa: S101, PT018  both are there from `ask` to `end`
        asked_by_us = status == CONTINUE and not request.expects
        if not (request.http10 or asked_by_us):
            reason, scrub = self._reason, request.scrub
            if scrub is not None:
                reason, lines = scrub.hide(reason), hidden(lines, scrub)
            client.write(b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, b"".join(lines)))
        if status == CONTINUE:
            self.wanted()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; one where there can be none is a second answer in disguise."""
        if self.reading is not PARSED:
            self._spoilt = True
            raise BadUpstream(cause="a body where there can be none")
        self._heard = 0
        if self.receiving is not None:
            self.receiving.feed(data)

    def on_message_complete(self) -> None:
        """Complete the answer, and its trailers with it."""
        answer = self.answer
        if answer is None or not self.reading.inside:
            return
        if self._lines or self._control:
            lines, control = self._fields()
            if b"transfer-encoding" in control:
                raise BadUpstream(cause="framing in trailers")
            lines = without(lines, NO_TRAILERS | nominated(answer.control))
            request = self._request
            if request is not None and request.scrub is not None:
                lines = hidden(lines, request.scrub)
            answer.body.trailers = b"".join(lines)
        self._heard = 0
        self.body_complete()

    def count(self, data: bytes) -> bytes:
        """Take what belongs to a body of known length; llhttp still waits for it, so the next head gets a new one."""
        rest = super().count(data)
        if self.reading is HEAD:
            self.parser = HttpResponseParser(self)
        return rest


def size(lines: Lines, control: Control) -> int:
    """Return the bytes of a header section, near enough."""
    return sum(map(len, lines)) + sum(len(name) + len(value) for name, value in control.items())
