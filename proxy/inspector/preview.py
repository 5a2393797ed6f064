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
AT_ONCE, LASTING = 4 * 1024 * 1024, 768 * 1024
# What an exchange is taken for beside its bodies, in bytes: looking through so many takes as long as making its entry.
EACH = 2048
# What one may come to: so much has to be left where one begins that is to be kept whole.
WHOLE = EACH + 2 * LIMIT
NOT_SHOWN = Preview(cut=True, fault="not kept: no text and no image")


class Budget:
    """How much may be looked through for secrets: `LASTING` bytes a second, `AT_ONCE` after some rest.

    It is what looking costs that is bounded by this, whatever passes through the gateway. `left` is what is there.
    """

    def __init__(self, now: Callable[[], float], at_once: int = AT_ONCE, lasting: int = LASTING) -> None:
        self._now = now
        self._at_once = self.left = float(at_once)
        self._lasting = lasting
        self._at = now()

    def refill(self) -> None:
        """Add what has come by the time that has passed."""
        before, self._at = self._at, self._now()
        self.left = min(self._at_once, self.left + (self._at - before) * self._lasting)

    def grant(self, size: int) -> int:
        """Return how much of so many bytes may be looked through, and count that."""
        granted = min(size, int(self.left))
        self.left -= granted
        return granted


class Tap:
    """Notes the beginning of a body, within a budget; it hands on what `inner` makes of it, or the body itself.

    `cut` says that there was more than was noted.
    """

    __slots__ = ("_budget", "_inner", "_pieces", "_room", "cut")

    def __init__(self, budget: Budget, begun: bytes = b"", inner: Sieve | None = None) -> None:
        self._budget = budget
        self._inner = inner
        self._pieces: list[bytes] = []
        self._room = LIMIT
        self.cut = False
        self._note(begun)

    def next(self, piece: bytes, *, last: bool) -> bytes:
        """Take a piece and return what leaves in its place."""
        if not self.cut:
            self._note(piece)
        return piece if self._inner is None else self._inner.next(piece, last=last)

    def _note(self, piece: bytes) -> None:
        granted = self._budget.grant(min(len(piece), self._room))
        self._room -= granted
        self._pieces.append(piece[:granted])
        self.cut = granted < len(piece)

    @property
    def data(self) -> bytes:
        """The body's beginning."""
        return b"".join(self._pieces)


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
