"""The content of a message on its way from one side to the other."""

from enum import Enum, auto
from typing import Protocol

from proxy.wire.kept import Kept


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


class Sieve(Protocol):
    """What the pieces of a body pass through on their way, such as `Scrubbed`."""

    def next(self, piece: bytes, *, last: bool) -> bytes:
        """Take a piece; return what leaves in its place, all the rest with the `last`."""
        ...


class Body:
    """Takes pieces as they are parsed, and hands them on, framed anew, when there is a sink.

    `framing` is how the body arrives, `outgoing` how it leaves; `size` counts its bytes so far, without framing;
    `sent` says that its end has been handed on.
    `trailers` are ready field lines that leave behind a chunked body. With `keep()` what was handed on is kept too,
    so that the body can be sent a second time: `replayable` says whether all of it is still there. What `scrubbed`
    makes of the pieces leaves in their place.
    """

    __slots__ = (
        "_kept",
        "_pieces",
        "_spent",
        "complete",
        "framing",
        "length",
        "outgoing",
        "pending",
        "scrubbed",
        "sent",
        "sink",
        "size",
        "trailers",
    )

    def __init__(self, framing: Framing, length: int = 0) -> None:
        self.framing = self.outgoing = framing
        self.length = length
        self.size = self.pending = 0
        self.complete = framing is NO_BODY
        self.sink: Sink | None = None
        self.trailers = b""
        self._pieces: list[bytes] = []
        self._kept: Kept | None = None
        self.scrubbed: Sieve | None = None
        self.sent = self._spent = False

    def __repr__(self) -> str:
        end = "complete" if self.complete else "open"
        return f"<Body {self.framing.name} {end} size={self.size} pending={self.pending}>"

    # --- pieces in
    def feed(self, data: bytes) -> None:
        """Take the next piece; it leaves with the next `flush()`."""
        self.size += len(data)
        self.pending += len(data)
        self._pieces.append(data)

    # --- pieces out
    def attach(self, sink: Sink) -> None:
        """Send the body to `sink`, what was kept first; call again with another to send it anew."""
        if self.sink is None and self._kept is not None:
            self._kept.rewind()
        self.sent = False
        self.sink = sink

    def begin(self, sink: Sink) -> bytes:
        """Return what has come, framed, to be sent behind a head; the rest goes to `sink`."""
        if self.framing is NO_BODY:
            return b""  # and nothing is noted: EMPTY belongs to everybody
        self.sink, self.sent = sink, self.complete
        return self.take()

    def detach(self) -> None:
        """The sink takes no more."""
        self.sink = None

    def flush(self) -> None:
        """Hand on what has come, if there is a sink for it; of what is sent again, one piece at a time."""
        if self.sink is None or self.sent or not (self.pending or self.complete or self.again):
            return
        data = self.take()
        if self.pending and not self.again:
            data += self.take()  # what came meanwhile goes right behind what was sent before
        self.sent = last = self.complete and not self.again
        self.sink.pass_on(data, last=last)

    def take(self) -> bytes:
        """Return what has come, framed for the way out, and with its end if it is complete."""
        data = self._kept.next() if self._kept is not None and self.again else self._take_new()
        if self.outgoing is CHUNKED:
            framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            last = self.complete and not (self.again or self.pending)
            return framed + b"0\r\n%b\r\n" % self.trailers if last else framed
        return data

    def _take_new(self) -> bytes:
        pieces = self._pieces
        if pieces:
            self._spent = True
        self._pieces, self.pending = [], 0
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        # As one text: chunks of a byte or two would cost thirty times what counts against `replay_buffer`.
        if pieces and self._kept is not None and not self._kept.add([data]):
            self.forget()
        return data if self.scrubbed is None else self.scrubbed.next(data, last=self.complete)

    def peek(self) -> bytes:
        """Return what waits to be handed on, without framing."""
        return b"".join(self._pieces)

    # --- sending it twice
    def keep(self, memory: int, limit: int) -> None:
        """From now on keep what is handed on for a second sending: up to `limit` bytes, of those `memory` in memory."""
        if self.framing is not NO_BODY and self.length <= limit:
            self._kept = Kept(memory, limit)

    @property
    def replayable(self) -> bool:
        """Whether the whole body can be sent once more."""
        return self._kept is not None or not self._spent

    @property
    def again(self) -> bool:
        """Whether there is more of what is sent a second time."""
        return self._kept is not None and self._kept.left > 0

    def forget(self) -> None:
        """Keep nothing any more: the body will not be sent again."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def read_length(value: bytes) -> int | None:
    """Return a Content-Length (RFC 9110 §8.6: digits alone), or None for anything else."""
    # 18 digits hold any real body and never overflow 64 bits.
    return int(value) if value.isdigit() and len(value) <= 18 else None  # noqa: PLR2004  said above


# The body of every message that has none: there is nothing about it that could change.
EMPTY = Body(NO_BODY)
