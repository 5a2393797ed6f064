"""The content of a message on its way from one side to the other."""

from enum import Enum, auto
from typing import Protocol


class Framing(Enum):
    """How a body is delimited (RFC 9112 §6)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


NO_BODY, LENGTH, CHUNKED, CLOSE = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE


class Sink(Protocol):
    """The connection that a body goes to."""

    def pass_on(self, data: bytes, *, last: bool) -> None:
        """Take more of the body, framed for this connection; `last` with its end, then with or without data."""
        ...


class Body:
    """Takes pieces as they are parsed, and hands them on, framed anew, when there is a sink.

    `framing` is how the body arrives, `outgoing` how it leaves; `size` counts its bytes so far, without framing.
    With `keep(limit)` the pieces that were handed on are kept too, so that the body can be sent a second time:
    `replayable` says whether all of it is still there. A body above the limit is let go and just passes through.
    """

    __slots__ = (
        "_kept",
        "_kept_size",
        "_limit",
        "_pieces",
        "_sent_end",
        "complete",
        "framing",
        "length",
        "outgoing",
        "pending",
        "sink",
        "size",
    )

    def __init__(self, framing: Framing, length: int = 0) -> None:
        self.framing = self.outgoing = framing
        self.length = length
        self.size = self.pending = 0
        self.complete = framing is NO_BODY
        self.sink: Sink | None = None
        self._pieces: list[bytes] = []
        self._kept: list[bytes] | None = None
        self._kept_size = self._limit = 0
        self._sent_end = False

    def __repr__(self) -> str:
        end = "complete" if self.complete else "open"
        return f"<Body {self.framing.name} {end} size={self.size} pending={self.pending}>"

    # --- pieces in
    def feed(self, data: bytes) -> None:
        """Take the next piece; it leaves with the next `flush()`."""
        self.size += len(data)
        self.pending += len(data)
        self._pieces.append(data)

    def end(self) -> None:
        """The body is complete."""
        self.complete = True

    # --- pieces out
    def attach(self, sink: Sink) -> None:
        """Send the body to `sink`, what was kept first; call again with another to send it anew."""
        if self.sink is None and self._kept:
            self._pieces[:0] = self._kept
            self.pending += self._kept_size
            self._kept, self._kept_size = [], 0
        self._sent_end = False
        self.sink = sink

    def begin(self, sink: Sink) -> bytes:
        """Return what has come, framed, to be sent behind a head; the rest goes to `sink`."""
        self.sink, self._sent_end = sink, self.complete
        return b"" if self.framing is NO_BODY else self.take()

    def detach(self) -> None:
        """The sink takes no more."""
        self.sink = None

    def flush(self) -> None:
        """Hand on what has come, if there is a sink for it."""
        if self.sink is None or self._sent_end or not (self.pending or self.complete):
            return
        self._sent_end = self.complete
        self.sink.pass_on(self.take(), last=self.complete)

    def take(self) -> bytes:
        """Return what has come, framed for the way out, and with its end if it is complete."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._kept is not None and pieces:
            self._keep_pieces()
        self._pieces, self.pending = [], 0
        if self.outgoing is CHUNKED:
            framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            return framed + b"0\r\n\r\n" if self.complete else framed
        return data

    def peek(self) -> bytes:
        """Return what waits to be handed on, without framing."""
        return b"".join(self._pieces)

    # --- sending it twice
    def keep(self, limit: int) -> None:
        """From now on keep up to `limit` bytes for a second sending."""
        if self.framing is not NO_BODY and self.length <= limit:
            self._limit, self._kept = limit, []

    @property
    def replayable(self) -> bool:
        """Whether the whole body can be sent once more."""
        return self.framing is NO_BODY or self._kept is not None

    def forget(self) -> None:
        """Keep nothing any more: the body will not be sent again."""
        self._kept, self._kept_size = None, 0

    def _keep_pieces(self) -> None:
        self._kept_size += self.pending
        if self._kept_size > self._limit:
            self.forget()
        elif self._kept is not None:
            self._kept += self._pieces


# The body of every message that has none: there is nothing about it that could change.
EMPTY = Body(NO_BODY)
