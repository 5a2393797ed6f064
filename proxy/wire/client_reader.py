"""Requests in: from bytes to one request at a time; what lies behind it waits unread."""

import re

from httptools import HttpRequestParser

from proxy.core.fields import NO_TRAILERS, REQUEST_CONTROL, Control, Lines, name_of, nominated, spelt, without
from proxy.core.timeouts import Timeouts
from proxy.errors import BadRequest, GatewayError, HeaderTooLarge
from proxy.wire.body import EMPTY, LENGTH
from proxy.wire.chunks import Chunks
from proxy.wire.connection import BY_QUEUE, BY_TURN, CHUNKS, COUNTED, DEAF, HEAD, Connection, Wire
from proxy.wire.flow import MUCH, Flow
from proxy.wire.request import Request, read_line, read_request
from proxy.wire.state import Serving

# llhttp reads the fields alone. It knows some methods only and is lenient with the line, so that is read here.
LINE = b"GET / HTTP/1.1\r\n"
END = b"\r\n\r\n"
# RFC 9112 §2.2: a line ends with CRLF. What is wrong in a head that has come in part is noticed at once.
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\A(?!\r\Z)[^!-~]")
EMPTY_LINES = re.compile(rb"\A(?:\r\n)+")  # RFC 9112 §2.2: ignored before a request line
TLS_HELLO = b"\x16\x03"  # RFC 8446 §5.1: a handshake record


class ClientReader(Connection):
    """The reading half of a client's connection.

    llhttp is given one whole head at a time: so it is known where the head ends, and nothing that a client sends
    behind a request is looked at before that request has been answered, be it the next request or what an upgrade
    makes of it.
    """

    control_names = REQUEST_CONTROL

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        super().__init__(wire)
        self.flow = Flow(wire.loop)
        self.timeouts = timeouts
        self.secure = False  # whether the client speaks TLS
        self.state = Serving.IDLE
        self.current: Request | None = None  # the one that is being answered
        self._arrived: Request | GatewayError | None = None  # the one that is to be answered next
        self._head = b""  # of a head that has come in part
        self._unread = b""  # what came behind the current request
        self._chunks: Chunks | None = None

    @property
    def scheme(self) -> bytes:
        """The scheme of the URLs by which the client knows the gateway."""
        return b"https" if self.secure else b"http"

    def new_parser(self) -> HttpRequestParser:
        """Return a parser of requests."""
        return HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Take a read of any length, cut anywhere: asyncio calls this."""
        reading = self.reading
        if reading.inside:
            self._behind(self._take_body(data))
            self.flush()
        elif reading is HEAD:
            if self.state is Serving.IDLE and self._arrived is None:
                self._take_head(data)
            else:
                self._behind(data)
        else:
            self.drop()

    def drop(self) -> None:
        """Bytes have come that nobody wants."""
        raise NotImplementedError

    def take_unread(self) -> bytes:
        """Return what came behind the current request, and read on."""
        data, self._unread = self._unread, b""
        self.release(BY_QUEUE)
        return data

    def body_taken(self) -> None:
        """What has come of the body has a place to go, or is not wanted: read on, unless more lies behind it."""
        if self.held and not self._unread:
            self.release(BY_QUEUE)

    def _behind(self, data: bytes) -> None:
        """Keep what lies behind the current request, and read no more for now."""
        if data and self.reading is not DEAF:
            self._unread += data
            if len(self._unread) > MUCH:  # a little is read on, so that a client that goes away is noticed
                self.hold(BY_QUEUE)

    # --- heads
    def _take_head(self, data: bytes) -> None:
        self.receiving = None
        begun = len(self._head)
        if begun:
            data = self._head + data
        if data.startswith(b"\r\n"):
            data, begun = EMPTY_LINES.sub(b"", data), 0
        end = data.find(END, max(0, begun - len(END) + 1)) + len(END)
        try:
            if end < len(END):
                self._await_head(data, begun)
            else:
                self._head = b""
                rest = data[end:]
                self._request(data[:end] if rest else data)
                if rest:
                    self._behind(self._take_body(rest))
        except GatewayError as error:
            self.refuse(error)
        else:
            self.flush()

    def _await_head(self, data: bytes, begun: int) -> None:
        if len(data) > self.wire.max_head:
            raise HeaderTooLarge
        if data.startswith(TLS_HELLO):
            raise BadRequest("This port speaks plain HTTP, the request came in TLS.")
        if BARE.search(data, max(0, begun - 1)):
            raise BadRequest(cause="bare CR or LF")
        if b"\r\n" in data:
            read_line(data)
        if data and not self._head:
            self.deadline = self.wire.sweep.after(self.timeouts.client_header)
        self._head = data

    def _request(self, head: bytes) -> None:
        """Turn a whole head into the request that arrives. Raises GatewayError."""
        if len(head) > self.wire.max_head:
            raise HeaderTooLarge
        line = read_line(head)
        lines: Lines = []
        control: Control = {}
        self._lines, self._control = lines, control
        self.parse(LINE + head[line[3] :])
        if len(control) > 1 or b"host" not in control:
            self.parser = self.new_parser()  # it may wait for a body, or have stopped at an upgrade
        request = self._arrived = read_request(line, lines, control)
        if self.secure:
            request.scheme = b"https"
        body = request.body
        if body is EMPTY:
            return
        if body.framing is LENGTH:
            self._left, self.receiving = body.length, body
            self.turn(COUNTED)
        else:
            self._chunks, self.receiving = Chunks(body, self.wire.max_head, self.wire.max_body), body
            self.turn(CHUNKS)

    # --- bodies
    def _take_body(self, data: bytes) -> bytes:
        """Take what belongs to the body that is being read, and return what lies behind it."""
        if not data or self.reading is HEAD:
            return data
        return self.count(data) if self.reading is COUNTED else self._take_chunks(data)

    def _take_chunks(self, data: bytes) -> bytes:
        chunks, body = self._chunks, self.receiving
        assert chunks is not None and body is not None  # noqa: S101, PT018  CHUNKS is entered with both
        if len(data) > MUCH:
            # uvloop reads on and on in one turn, and each byte may be a chunk: the others would wait for seconds.
            self.hold(BY_TURN)
            self.wire.loop.call_soon(self.release, BY_TURN)
        try:
            rest = chunks.take(data)
        except GatewayError as error:
            self.refuse(error)
            return b""
        if rest is None:
            return b""
        request = self._arrived if isinstance(self._arrived, Request) else self.current
        assert request is not None  # noqa: S101  a body belongs to a request
        lines = without(chunks.lines, NO_TRAILERS | nominated(request.control))
        body.trailers = b"".join(line for line in lines if spelt(name_of(line)) not in self.wire.injected)
        self._chunks = None
        self.body_complete()
        return rest

    def flush(self) -> None:
        """Hand on what has come of the body, and wake whoever waits for a request."""
        body = self.receiving
        if body is not None and self.reading is not DEAF:
            if not body.complete:
                self.deadline = self.wire.sweep.after(self.timeouts.idle)
            body.flush()
            if body.sink is None and body.pending:
                self.hold(BY_QUEUE)
        if self._arrived is not None and self.state is Serving.IDLE:
            self.flow.wake()

    def refuse(self, error: GatewayError) -> None:
        """Read nothing more from this client; what it asked before is still answered."""
        if self.reading is DEAF:
            return
        inside = self.reading.inside
        self.turn(DEAF)
        self._head = self._unread = b""
        request = self._arrived or self.current
        if inside and isinstance(request, Request):
            request.broken = error
        else:
            self._arrived = error
        self.flow.wake()
