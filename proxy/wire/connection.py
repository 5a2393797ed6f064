"""What both sides of the wire share: parsing, holding, pairing, closing."""

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass
from typing import ClassVar, cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from proxy.core.fields import Control, Lines, note
from proxy.errors import BadRequest, GatewayError, HeaderTooLarge, NotImplementedHere
from proxy.wire.body import LENGTH, Body
from proxy.wire.flow import Outbox
from proxy.wire.state import READING_STEPS, Reading
from proxy.wire.sweep import NEVER, Sweep

HEAD, BODY, BYPASS, TUNNEL, DEAF = Reading.HEAD, Reading.BODY, Reading.BYPASS, Reading.TUNNEL, Reading.DEAF

# Why reading is held: bits of one number, because this is looked at for every read.
BY_PEER = 1  # the other side's write buffer is full
BY_QUEUE = 2  # what has been read has nowhere to go yet

# Enough to keep a fast reader busy for a turn of the loop, little enough for 1,000 slow ones.
HIGH_WATER = 512 * 1024

METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ ")  # RFC 9110 §5.6.2, and the space behind it
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends a reset


@dataclass(slots=True)
class Wire:
    """What all connections of one loop share. `max_head` bounds a header section, in bytes."""

    loop: asyncio.AbstractEventLoop
    outbox: Outbox
    sweep: Sweep
    max_head: int = 32 * 1024


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection. Bytes go through llhttp; a body leaves framed anew, straight to the other side."""

    control_names: ClassVar[frozenset[bytes]]

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.parser = self.new_parser()
        self.reading = HEAD
        self.receiving: Body | None = None  # the body that is being read
        self.peer: Connection | None = None
        self.deadline = NEVER
        self.lost = False
        self.full = False  # our own write buffer is over its high-water mark
        self.held = 0
        self._heard = 0  # bytes since the last one that belonged to a body
        self._left = 0  # of a body of known length, what goes past the parser
        self._lines: Lines = []
        self._control: Control = {}

    def __repr__(self) -> str:
        state = "lost" if self.lost else self.reading.name
        return f"<{type(self).__name__} {state} held={self.held}>"

    def new_parser(self) -> HttpRequestParser | HttpResponseParser:
        """Return a parser that tells this connection what it finds."""
        raise NotImplementedError

    def expired(self) -> None:
        """The deadline has passed; what that means, the state tells."""
        raise NotImplementedError

    # --- transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: asyncio calls this once."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self.wire.sweep.watched.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end: asyncio calls this once, with what went wrong if anything did."""
        del exc
        self.lost = True
        self.wire.sweep.watched.discard(self)

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not self.lost:
            self.wire.outbox.send(self.transport, data)

    def close(self) -> None:
        """Close in good order, behind everything that was sent."""
        self.wire.outbox.post()
        self.transport.close()

    def abort(self) -> None:
        """Close with a reset: what was under way has failed, and must not look complete."""
        if self.transport is None or self.lost:
            return
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # a Unix socket knows no reset, and a dead one needs none
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    # --- flow control: a full side stops the reading of its peer
    def pause_writing(self) -> None:
        """Stop the peer: asyncio calls this above the high-water mark."""
        self.full = True
        if self.peer is not None:
            self.peer.hold(BY_PEER)

    def resume_writing(self) -> None:
        """Let the peer go on: asyncio calls this below the low-water mark."""
        self.full = False
        if self.peer is not None:
            self.peer.release(BY_PEER)

    def hold(self, why: int) -> None:
        """Read nothing for this reason, until it is released."""
        if not self.held and not self.lost:
            self.transport.pause_reading()
        self.held |= why

    def release(self, why: int) -> None:
        """Read on, unless another reason holds."""
        if self.held:
            self.held &= ~why
            if not self.held and not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()

    def pair(self, other: "Connection") -> None:
        """Stop each other's reading from now on when one cannot take more."""
        self.peer, other.peer = other, self
        if other.full:
            self.hold(BY_PEER)
        if self.full:
            other.hold(BY_PEER)

    def unpair(self) -> None:
        """Go separate ways; what the other held is released."""
        other = self.peer
        if other is not None:
            self.peer = other.peer = None
            if self.held:
                self.release(BY_PEER)
            if other.held:
                other.release(BY_PEER)

    # --- bytes in
    def data_received(self, data: bytes) -> None:
        """Take a read of any length, cut anywhere: asyncio calls this."""
        if self.reading is BYPASS:
            data = self._past_parser(data)
        if data and self.reading.parses:
            self._parse(data)
        self.flush()

    def flush(self) -> None:
        """Hand on what a read has brought; called behind every read."""
        raise NotImplementedError

    def refuse(self, error: GatewayError) -> None:
        """Take note that what is being read is not fit to be passed on."""
        raise NotImplementedError

    def turn(self, reading: Reading) -> None:
        """Read differently from now on; a step that the table does not know is a defect."""
        assert reading in READING_STEPS[self.reading], f"{self.reading.name} -> {reading.name}"  # noqa: S101  a defect
        self.reading = reading

    def _parse(self, data: bytes) -> None:
        self._heard += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            self.upgraded(data[stop.args[0] :])
        except HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, GatewayError):
                raise
            self.refuse(cause)
        except HttpParserInvalidMethodError:
            # RFC 9110 §15.6.2 asks for 501, if it is a method at all; where the read began earlier we cannot tell.
            unknown = self._heard == len(data) and METHOD.match(data)
            self.refuse(NotImplementedHere() if unknown else BadRequest(cause="no method"))
        except HttpParserError as error:
            self.refuse(BadRequest(cause=str(error)))
        else:
            self._after_parsing()

    def _after_parsing(self) -> None:
        # llhttp gathers a head, trailers or a chunk extension without bound: a peer that never ends one is cut off.
        if self._heard > self.wire.max_head and self.reading is not BYPASS:
            self.refuse(HeaderTooLarge())
        body = self.receiving
        if self.reading is BODY and body is not None and body.framing is LENGTH and not body.complete:
            self._left = body.length - body.size
            self.turn(BYPASS)

    def _past_parser(self, data: bytes) -> bytes:
        """Take what belongs to the body of known length, and return what lies behind it."""
        body = self.receiving
        assert body is not None  # noqa: S101  BYPASS is entered with a body alone
        left = self._left - len(data)
        if left > 0:
            self._left = left
            body.feed(data)
            return b""
        body.feed(data[:left] if left else data)
        self._left = 0
        self.parser = self.new_parser()  # the old one still waits for the body that went past it
        self.body_complete()
        return data[left:] if left else b""

    def upgraded(self, rest: bytes) -> None:
        """llhttp has stopped at a message that asks to leave HTTP; `rest` lies behind that message."""
        raise NotImplementedError

    # --- llhttp's events that mean the same on both sides
    def on_message_begin(self) -> None:
        """A head begins."""
        self._lines, self._control = [], {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or behind a chunked body one of the trailers."""
        lower = name.lower()
        if lower in self.control_names:
            note(self._control, lower, value)
        else:
            self._lines.append(name + b": " + value + b"\r\n")

    def head(self) -> tuple[Lines, Control]:
        """Return the fields of a complete head; what comes from now on are trailers."""
        lines, control = self._lines, self._control
        # A read may hold more than the head: what was heard is worth counting only where it is a lot.
        if self._heard > self.wire.max_head and size(lines, control) > self.wire.max_head:
            raise HeaderTooLarge
        self._lines, self._control, self._heard = [], {}, 0
        return lines, control

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._heard = 0
        if self.receiving is not None:
            self.receiving.feed(data)

    def on_message_complete(self) -> None:
        """The message is complete, as far as llhttp can see."""
        self._heard = 0
        self.body_complete()

    def body_complete(self) -> None:
        """The body that is being read has come to its end."""
        body = self.receiving
        if body is not None:
            body.complete = True
        if self.reading is not HEAD:
            self.turn(HEAD)


def size(lines: Lines, control: Control) -> int:
    """Return the bytes of a header section, near enough."""
    return sum(map(len, lines)) + sum(len(name) + len(value) for name, value in control.items())
