"""The chunked coding of requests (RFC 9112 §7.1). llhttp would not tell where a body ends and the next head begins."""

import re
from enum import Enum, auto

from proxy.core.fields import Lines
from proxy.errors import BadRequest, HeaderTooLarge
from proxy.wire.body import Body

# RFC 9112 §7.1.1: extensions are ignored. 15 digits are more than any body and never overflow 64 bits.
SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
# RFC 9110 §5.1 and §5.5: a name, a colon right behind it, visible characters, spaces and tabs.
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)")
FRAMING = frozenset((b"content-length", b"transfer-encoding"))  # in trailers they are an attack and nothing else
HEX_DIGIT = re.compile(rb"[0-9A-Fa-f]")

# How much framing may outweigh content before a body counts as an attack (the rule of Go's net/http): every chunk may
# cost 16 bytes and as much as twice its content; what is more adds up.
FREE = 16
EXCESS = 16 * 1024
LINE = 4096  # bytes of one line; no real extension comes near


class Stage(Enum):
    """What is read next."""

    SIZE = auto()
    CONTENT = auto()
    END_OF_CHUNK = auto()
    TRAILERS = auto()


class Chunks:
    """Takes the coding off one body, whose reads may be cut anywhere. `max_trailers` bounds the trailers, in bytes."""

    def __init__(self, body: Body, max_trailers: int) -> None:
        self.lines: Lines = []
        self._body = body
        self._stage = Stage.SIZE
        self._left = 0  # of the chunk's content
        self._begun = b""  # a line that has come in part
        self._excess = 0
        self._room = max_trailers

    def take(self, data: bytes) -> bytes | None:
        """Feed the body; return what lies behind its end, or None while it goes on. Raises BadRequest."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        at = 0
        while at < len(data):
            if self._stage is Stage.CONTENT:
                at = self._content(data, at)
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._begin_line(data[at:])
                return None
            line, at = data[at : end + 1], end + 1
            if not line.endswith(b"\r\n") or len(line) > LINE + 2:
                raise BadRequest(cause="malformed chunk line")
            if self._line(line[:-2]):
                return data[at:]
        return None

    def _content(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._body.feed(piece)
        self._left -= len(piece)
        if not self._left:
            self._stage = Stage.END_OF_CHUNK
        return at + len(piece)

    def _begin_line(self, begun: bytes) -> None:
        """Keep the beginning of a line; what cannot become one is refused at once."""
        wrong = {
            Stage.SIZE: not HEX_DIGIT.match(begun),
            Stage.END_OF_CHUNK: begun != b"\r",
        }
        if wrong.get(self._stage, False) or len(begun) > LINE:
            raise BadRequest(cause="malformed chunk")
        self._begun = begun

    def _line(self, line: bytes) -> bool:
        """Take a whole line without its end. Returns whether the body is complete."""
        match self._stage:
            case Stage.SIZE:
                self._size(line)
            case Stage.TRAILERS if line:
                self._trailer(line)
            case Stage.TRAILERS:
                return True
            case _ if line:
                raise BadRequest(cause="chunk longer than its size")
            case _:
                self._stage = Stage.SIZE
        return False

    def _size(self, line: bytes) -> None:
        match = SIZE.fullmatch(line)
        if match is None:
            raise BadRequest(cause="malformed chunk size")
        self._left = int(match[1], 16)
        self._excess = max(0, self._excess + len(line) + 2 - FREE - 2 * self._left)
        if self._excess > EXCESS:
            raise BadRequest(cause="more chunk extensions than content")
        self._stage = Stage.CONTENT if self._left else Stage.TRAILERS

    def _trailer(self, line: bytes) -> None:
        match = FIELD.fullmatch(line)
        if match is None or match[1].lower() in FRAMING:
            raise BadRequest(cause="malformed trailer")
        self._room -= len(line) + 2
        if self._room < 0:
            raise HeaderTooLarge
        self.lines.append(b"%b: %b\r\n" % (match[1], match[2].strip(b" \t")))
