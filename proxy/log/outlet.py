"""The door to where the log goes: a descriptor that may be full, slow or gone. Lines arrive whole, or not at all."""

import os
import select
import stat
import sys

if sys.platform != "win32":
    import fcntl
    from termios import FIONREAD

# How much is written at once, in bytes: each call costs a turn of the interpreter's lock, 5 ms where the loop is busy.
# A Unix socket (the journal's) takes that much whole or not yet, as its buffer has twice the room.
UNIT = 32 * 1024


class Outlet:
    """Writes lines to a descriptor, and waits there for as long as it takes: for a thread of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
        self._rest = b""  # of a line that could be written in part

    def write(self, data: bytes) -> int:
        """Write whole lines; return how many were lost because the descriptor takes no more."""
        data, at = self._rest + data, 0
        begun = bool(self._rest)
        try:
            while at < len(data):
                at += self._some(data[at : self._end(data, at)])
        except OSError:  # a disk that is full, a reader that is gone
            if at:
                begun = not data.endswith(b"\n", 0, at)
            end = data.index(b"\n", at) + 1 if begun else at
            self._rest = data[at:end]
            return data.count(b"\n", end)
        self._rest = b""
        return 0

    def _end(self, data: bytes, at: int) -> int:
        """Return where to end the next piece: behind the whole lines that there is room for, or behind one."""
        return data.rfind(b"\n", at, at + self._room()) + 1 or data.index(b"\n", at) + 1

    def _room(self) -> int:
        """Return how many bytes can be written without being cut by a wait in the middle.

        POSIX: up to PIPE_BUF go into a pipe whole, whoever else writes to it. An empty one takes as much as it holds.
        """
        if not self._pipe:
            return UNIT
        try:
            waiting = int.from_bytes(fcntl.ioctl(self._fd, FIONREAD, bytes(4)), sys.byteorder)
            return select.PIPE_BUF if waiting else min(UNIT, fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ))
        except (AttributeError, OSError):  # a system that does not tell
            return select.PIPE_BUF

    def _some(self, data: bytes) -> int:
        """Write what can be written now, at least a byte; return how much. Raises OSError."""
        while True:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:  # whoever else has this descriptor made it so
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
