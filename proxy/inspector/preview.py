"""The beginning of a body, taken as it passes."""

import re
import zlib
from collections.abc import Callable, Sequence

from proxy.core.fields import options
from proxy.inspector.entry import NOTHING, Preview
from proxy.wire.body import Sieve

# How much of a body is kept, in bytes.
LIMIT = 64 * 1024
# Of what no page shows (archives, films), only little bodies are kept.
LITTLE = 4 * 1024

_CODED = b"content-encoding:"
_CODING = re.compile(rb"(?i)(?:^|\n)content-encoding:[ \t]*([^\r\n]*)")
_TYPE = re.compile(rb"(?i)(?:^|\n)content-type:[ \t]*([^\r\n;]*)")
_SHOWN = re.compile(
    rb"(?i)text/|image/(?:png|jpeg|gif|webp)|.*(?:json|xml|javascript|yaml|csv|graphql|form-urlencoded)|\Z"
)
# RFC 9110 §8.4.1: zlib tells gzip and deflate by their first bytes with this.
_EITHER = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS

# What is looked through for secrets, in bytes: a page with all its parts at once, and some hundred exchanges a second.
AT_ONCE, LASTING = 8 * 1024 * 1024, 512 * 1024
NOT_SHOWN = Preview(cut=True, fault="not kept: no text and no image")


class Tap:
    """Notes the beginning of a body; what it hands on is what `inner` makes of it, or the body itself."""

    __slots__ = ("_inner", "_pieces", "size")

    def __init__(self, begun: bytes = b"", inner: Sieve | None = None) -> None:
        self._inner = inner
        self._pieces = [begun[: LIMIT + 1]]
        self.size = len(begun)

    def next(self, piece: bytes, *, last: bool) -> bytes:
        """Take a piece and return what leaves in its place."""
        if self.size <= LIMIT:
            self._pieces.append(piece[: LIMIT + 1 - self.size])
            self.size += len(piece)
        return piece if self._inner is None else self._inner.next(piece, last=last)

    @property
    def data(self) -> bytes:
        """The body's beginning: a byte more than LIMIT where it is longer than that."""
        return b"".join(self._pieces)


class Budget:
    """How much may be looked through for secrets: `LASTING` bytes a second, `AT_ONCE` after some rest.

    It is what looking costs that is bounded by this, whatever passes through the gateway.
    """

    def __init__(self, now: Callable[[], float], at_once: int = AT_ONCE, lasting: int = LASTING) -> None:
        self._now = now
        self._at_once = self._left = float(at_once)
        self._lasting = lasting
        self._at = now()

    def allows(self, size: int) -> bool:
        """Return whether so many bytes may be looked through, and count them if so."""
        if size > self._left:
            now = self._now()
            self._left = min(self._at_once, self._left + (now - self._at) * self._lasting)
            self._at = now
            if size > self._left:
                return False
        self._left -= size
        return True


def preview(data: bytes, lines: Sequence[bytes], *, whole: bool) -> Preview:
    """Return what is kept of a body that came behind a head; `data` is its beginning, or the `whole`."""
    if not data:
        return NOTHING
    head = b"".join(lines)
    if len(data) > LITTLE and not shown(head):
        return NOT_SHOWN
    if _CODED in head.lower():
        coding = _CODING.search(head)
        if coding is not None and set(options(coding[1])) - {b"identity"}:
            return decoded(data, options(coding[1]), whole=whole)
    return Preview(data[:LIMIT], cut=len(data) > LIMIT or not whole)


def shown(head: bytes) -> bool:
    """Return whether a head's content is of a kind that is shown; what says nothing of its kind may be."""
    kind = _TYPE.search(head)
    return kind is None or _SHOWN.match(kind[1].strip()) is not None


def decoded(data: bytes, codings: list[bytes], *, whole: bool) -> Preview:
    """Return a preview of a coded body; what cannot be looked through for secrets is not kept."""
    if codings not in ([b"gzip"], [b"x-gzip"], [b"deflate"]):
        return Preview(cut=True, fault=f"not kept: coded as {b', '.join(codings).decode('latin-1')}")
    for window in (_EITHER, _RAW):  # some servers leave the wrapper of deflate away
        inflating = zlib.decompressobj(window)
        try:
            text = inflating.decompress(data, LIMIT + 1)
        except zlib.error:
            continue
        return Preview(text[:LIMIT], cut=len(text) > LIMIT or not whole or not inflating.eof)
    return Preview(cut=True, fault="not kept: its coding is malformed")
