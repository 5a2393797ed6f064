"""Pipes that a test reads when it wants to."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Pipe:
    """Both ends of a pipe."""

    reading: int
    writing: int

    def read(self, size: int = 1 << 20) -> bytes:
        """Return what waits, at least a byte of it; nothing behind the end."""
        return os.read(self.reading, size)

    def read_lines(self, until: bytes) -> list[bytes]:
        """Read up to a line that holds a text, and return all lines."""
        data = b""
        while until not in data or not data.endswith(b"\n"):
            data += self.read()
        return data.splitlines(keepends=True)

    def read_all(self) -> bytes:
        """Close the writing end and return all that waits."""
        os.close(self.writing)
        self.writing = -1
        data = b""
        while piece := self.read():
            data += piece
        return data

    def fill(self, size: int) -> None:
        """Write so many bytes of no interest, in one line."""
        os.write(self.writing, b"." * (size - 1) + b"\n")

    def deafen(self) -> None:
        """Close the reading end."""
        os.close(self.reading)
        self.reading = -1


@contextlib.contextmanager
def pipe() -> Iterator[Pipe]:
    """Open a pipe."""
    both = Pipe(*os.pipe())
    try:
        yield both
    finally:
        for end in (both.reading, both.writing):
            if end >= 0:
                os.close(end)
