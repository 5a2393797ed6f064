"""Connections in memory: latency, windows, reads cut anywhere, ends, resets, silence."""

import asyncio
import socket
from collections.abc import Callable

from tests.simulation.line import Line

# Two segments never arrive at once: a heap of timers does not keep the order of equals.
APART = 1e-6
# What is sent into silence is given up after this time, in seconds: sooner than kernels do, so that runs end.
GIVES_UP = 15.0


class Socket:
    """What is asked of a transport's socket: that closing it sends a reset."""

    def __init__(self) -> None:
        self.resets = False

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """Take note of SO_LINGER with zero seconds."""
        del level, value
        self.resets = self.resets or option == socket.SO_LINGER


class End(asyncio.Transport):
    """One end of a connection, as asyncio's selector transport behaves over TCP.

    `wire`, where given, sees what is written, `read` what has been delivered. A `mute` end is no longer reached, nor
    does it reach the other: neither is told.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, line: Line, name: tuple[str, int], peer: tuple[str, int]
    ) -> None:
        super().__init__({"sockname": name, "peername": peer, "socket": Socket()})
        self.other: End
        self.wire: Callable[[bytes], None] | None = None
        self.read: Callable[[bytes], None] | None = None
        self.mute = False
        self.gone = False  # the socket is closed
        self._loop = loop
        self._line = line
        self._protocol: asyncio.Protocol
        self._closing = False
        self._losing = False
        # out
        self._buffer = bytearray()  # the kernel has no room for it yet
        self._high, self._low = 65_536, 16_384
        self._full = False
        self._finished = False  # the end comes behind the buffer
        self._said_end = False
        self._gives_up: asyncio.TimerHandle | None = None
        self._arrival = 0.0  # of the last segment, at the other end
        # in
        self._inbox = bytearray()
        self._room = line.window
        self._ended = self._told_end = self._reset = False
        self._paused = False
        self._will_read = False

    def __repr__(self) -> str:
        return f"<End {self.get_extra_info('sockname')[0]}-{self.get_extra_info('peername')[0]}>"

    # --- asyncio.Transport
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what comes to another."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told."""
        return self._protocol

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._closing

    def is_reading(self) -> bool:
        """Return whether what arrives is read."""
        return not (self._paused or self._closing)

    def pause_reading(self) -> None:
        """Leave what arrives in the kernel."""
        self._paused = True

    def resume_reading(self) -> None:
        """Read on."""
        if not self._closing:
            self._paused = False
            self._plan_read()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say when the protocol is to stop writing."""
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Return what the kernel has not taken yet."""
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        """Return True: TCP can."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as far as there is room now."""
        assert not self._finished or self._closing, "a write behind the end"
        if self._closing or self._losing:
            return
        if self._reset:
            self._lose(BrokenPipeError("broken pipe"))
            return
        if self.wire is not None:
            self.wire(bytes(data))
        self._buffer += data
        self._push()
        if len(self._buffer) > self._high and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """Say that no more will come, behind what was written."""
        if not (self._closing or self._finished):
            self._finished = True
            self._push()

    def close(self) -> None:
        """Close behind what was written."""
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._lose(None)

    def abort(self) -> None:
        """Close at once."""
        self._lose(None)

    def vanish(self) -> None:
        """Lose the way to the other end, and back."""
        self.mute = self.other.mute = True
        self._push()
        self.other._push()

    def _give_up(self) -> None:
        """Nothing is acknowledged any more: after a while the kernel says so."""
        if not self._losing and self._gives_up is None:
            self._gives_up = self._loop.call_later(GIVES_UP, self._lose, TimeoutError("timed out"))

    # --- the way out
    def _push(self) -> None:
        """Give the kernels what they have room for."""
        there = self.other
        while self._buffer and there._room >= min(len(self._buffer), self._line.window // 2):  # RFC 9293 §3.8.6.2
            size = min(len(self._buffer), there._room)
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            there._room -= size
            self._send(there._arrive, data)
        if self._buffer and self.mute:
            self._give_up()
        if self._buffer or self._losing:
            return
        if self._finished and not self._said_end:
            self._said_end = True
            self._send(there._arrive_end)
        if self._closing:
            self._lose(None)

    def _send(self, event: Callable[..., None], *data: object) -> None:
        if not self.mute:
            self._arrival = max(self._arrival + APART, self._loop.time() + self._line.delay())
            self._loop.call_at(self._arrival, event, *data)
        else:
            self._give_up()

    def _drained(self) -> None:
        """The other end has read: there is room again."""
        if self.gone or self._losing:
            return
        self._push()
        if self._full and len(self._buffer) <= self._low:
            self._full = False
            self._protocol.resume_writing()

    # --- the way in
    def _arrive(self, data: bytes) -> None:
        if self.gone:
            self._send(self.other._arrive_reset)
        elif not self.mute:
            self._inbox += data
            self._plan_read()

    def _arrive_end(self) -> None:
        if not (self.gone or self.mute):
            self._ended = True
            self._plan_read()

    def _arrive_reset(self) -> None:
        if self.gone or self.mute or self._reset:
            return
        self._reset = True
        if self._line.rough:
            self._inbox.clear()
        if self._buffer:
            self._lose(ConnectionResetError("connection reset by peer"))
        self._plan_read()

    @property
    def stirs(self) -> bool:
        """Whether something has arrived that has not been read."""
        return bool(self._inbox) or self._ended or self._reset

    def _plan_read(self) -> None:
        if not (self._will_read or self._paused or self._closing) and self.stirs:
            self._will_read = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        """Give the protocol one read."""
        self._will_read = False
        if self._paused or self._closing:
            return
        if self._inbox:
            size = self._line.cut(len(self._inbox))
            data = bytes(self._inbox[:size])
            del self._inbox[:size]
            self._room += size
            if self.other._buffer:
                self._loop.call_soon(self.other._drained)
            if self.read is not None:
                self.read(data)
            self._protocol.data_received(data)
            self._plan_read()
        elif self._reset:
            self._lose(ConnectionResetError("connection reset by peer"))
        elif self._ended and not self._told_end:
            self._told_end = True
            if not self._protocol.eof_received():
                self.close()

    # --- the end
    def _lose(self, error: Exception | None) -> None:
        if not self._losing:
            self._losing = self._closing = True
            self._buffer.clear()
            self._loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self.gone = True
        if self._gives_up is not None:
            self._gives_up.cancel()
        if self._reset:
            return
        # TCP answers what nobody will read with a reset; Linux does so at close.
        if self.get_extra_info("socket").resets or self._inbox or isinstance(error, ConnectionError):
            self._send(self.other._arrive_reset)
        elif not self._said_end:
            self._said_end = True
            self._send(self.other._arrive_end)


def joined(
    loop: asyncio.AbstractEventLoop, line: Line, here: tuple[str, int], there: tuple[str, int]
) -> tuple[End, End]:
    """Return both ends of a new connection; whoever calls gives them their protocols."""
    near, far = End(loop, line, here, there), End(loop, line, there, here)
    near.other, far.other = far, near
    return near, far


def begin(end: End, protocol: asyncio.Protocol) -> None:
    """Give an end its protocol, and tell that."""
    end.set_protocol(protocol)
    protocol.connection_made(end)
