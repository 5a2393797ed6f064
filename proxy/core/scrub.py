"""Hiding what must not be seen: every byte of it becomes an asterisk, so that lengths stay."""

from collections.abc import Iterable

from proxy.core.fields import Lines

# What a piece ends with is compared with this many first bytes of a needle; what is shorter stands in a table.
HEAD = 6

Span = tuple[int, int]


class Scrub:
    """Hides every occurrence of every needle, overlapping ones too: what is hidden does not hang on the cuts."""

    __slots__ = ("_beginnings", "_needles")

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = tuple((needle, needle[:HEAD]) for needle in sorted(needles))
        self._beginnings = frozenset(head[:size] for _, head in self._needles for size in range(1, len(head)))

    def __repr__(self) -> str:
        return f"<Scrub needles={len(self._needles)}>"

    def hide(self, data: bytes) -> bytes:
        """Return a text with nothing in it that must not be seen; the very same one where there was nothing."""
        return starred(data, self.spans(data))

    def lines(self, lines: Lines) -> Lines:
        """Return field lines likewise."""
        whole = b"".join(lines)
        return lines if self.hide(whole) is whole else [self._line(line) for line in lines]

    def _line(self, line: bytes) -> bytes:
        name, _, value = line.partition(b":")  # each by itself: the colon between them has to stay
        return self.hide(name) + b":" + self.hide(value)

    def spans(self, data: bytes) -> set[Span]:
        """Return beginning and end of each occurrence."""
        found = set()
        # bytes.find for each is some times faster than one regular expression for all.
        for needle, _ in self._needles:
            at = data.find(needle)
            while at >= 0:
                found.add((at, at + len(needle)))
                at = data.find(needle, at + 1)
        return found

    def decided(self, data: bytes) -> int:
        """Return how many bytes are no beginning of a needle, whatever may follow; the others end the text."""
        size = decided = len(data)
        for needle, head in self._needles:
            at = data.find(head, max(0, size - len(needle) + 1))
            while 0 <= at < decided:
                if needle.startswith(data[at:]):
                    decided = at
                at = data.find(head, at + 1)
        for begun in range(min(HEAD - 1, size), size - decided, -1):
            if data[size - begun :] in self._beginnings:
                return size - begun
        return decided


class Scrubbed:
    """One text that comes in pieces. What may be the beginning of a needle is held back, and nothing else."""

    __slots__ = ("_held", "_scrub", "_spans")

    def __init__(self, scrub: Scrub) -> None:
        self._scrub = scrub
        self._held = b""
        self._spans: set[Span] = set()  # what is to be hidden in `_held`, however it goes on

    def next(self, piece: bytes, *, last: bool) -> bytes:
        """Take a piece; return what can be shown of the text by now, all the rest with the `last`."""
        data = self._held + piece
        spans = self._scrub.spans(data) | self._spans
        end = len(data) if last else self._scrub.decided(data)
        self._held = data[end:]
        self._spans = {(max(start - end, 0), stop - end) for start, stop in spans if stop > end}
        return starred(data, spans)[:end]


def starred(data: bytes, spans: Iterable[Span]) -> bytes:
    """Return a text with an asterisk for each byte within the spans."""
    hidden: bytearray | None = None
    for start, stop in spans:
        hidden = bytearray(data) if hidden is None else hidden
        hidden[start:stop] = b"*" * (stop - start)
    return data if hidden is None else bytes(hidden)
