"""What both sides of the wire share: parsing, holding, pairing, closing."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import ClassVar, cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from proxy.core.fields import NOTED, Control, Lines, note
from proxy.errors import BadRequest, GatewayError
from proxy.wire.body import Body
from proxy.wire.flow import Outbox
from proxy.wire.state import READING_STEPS, Reading
from proxy.wire.sweep import NEVER, Sweep

HEAD, PARSED, COUNTED, CHUNKS, DEAF = Reading.HEAD, Reading.PARSED, Reading.COUNTED, Reading.CHUNKS, Reading.DEAF

# Why reading is held: bits of one number, because this is looked at for every read.
BY_PEER = 1  # the other side's write buffer is full
BY_QUEUE = 2  # what has been read has nowhere to go yet
BY_TURN = 4  # the others have their turn first

# Enough to keep a fast reader busy for a turn of the loop, little enough for 1,000 slow ones.
HIGH_WATER = 512 * 1024

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends a reset


@dataclass(slots=True)
class Wire:
    """What all connections of one loop share. `max_head` bounds a header section, `max_body` a request's body: bytes.

    `injected` are the names of fields that carry credentials, as CGI spells them: no trailer may have one.
    """

    loop: asyncio.AbstractEventLoop
    outbox: Outbox
    sweep: Sweep
    max_head: int = 32 * 1024
    injected: frozenset[bytes] = frozenset()
    max_body: float = float("inf")


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
        self._left = 0  # of a body of known length, what is still to come
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
        # A parser holds the methods of its connection: without this only the garbage collector would free them.
        self.parser = None  # type: ignore[assignment]  # nothing is parsed from now on

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
        if sock is not None:  # behind TLS it may be gone already
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
    def refuse(self, error: GatewayError) -> None:
        """Take note that what is being read is not fit to be passed on."""
        raise NotImplementedError

    def turn(self, reading: Reading) -> None:
        """Read differently from now on; a step that the table does not know is a defect."""
        assert reading in READING_STEPS[self.reading], f"{self.reading.name} -> {reading.name}"  # noqa: S101  a defect
        self.reading = reading

    def parse(self, data: bytes) -> int:
        """Give bytes to llhttp; return how many it took before an upgrade stopped it. Raises GatewayError."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            return int(stop.args[0])
        except HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, GatewayError):
                raise
            raise cause from None
        except HttpParserError as error:
            raise BadRequest(cause=str(error)) from None
        return len(data)

    def count(self, data: bytes) -> bytes:
        """Take what belongs to a body of known length, and return what lies behind it."""
        body = self.receiving
        assert body is not None  # noqa: S101  COUNTED is entered with a body alone
        left = self._left - len(data)
        if left > 0:
            self._left = left
            body.feed(data)
            return b""
        body.feed(data[:left] if left else data)
        self._left = 0
        self.body_complete()
        return data[left:] if left else b""

    def body_complete(self) -> None:
        """The body that is being read has come to its end."""
        body = self.receiving
        if body is not None:
            body.complete = True
        if self.reading is not HEAD:
            self.turn(HEAD)

    # --- llhttp's events that mean the same on both sides
    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a head, or behind a chunked body one of the trailers."""
        lower = name.lower()
        if lower in self.control_names:
            control = self._control
            if lower in control:
                note(control, lower, value)
            else:
                control[lower] = value
            if lower not in NOTED:
                return
        self._lines.append(b"".join((name, b": ", value, b"\r\n")))
