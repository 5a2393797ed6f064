"""What has been sent of a body, so that it can be sent once more."""

import os
import tempfile
from typing import IO

from proxy.errors import InternalError

# What is read from the file at a time: enough to keep an origin busy, little enough beside other requests.
PIECE = 256 * 1024


class Kept:
    """Up to `memory` bytes are kept in memory, up to `limit` in a file that has no name and ends with the process.

    `left` counts what is still to be sent again after `rewind()`.
    """

    __slots__ = ("_file", "_limit", "_memory", "_pieces", "left", "size")

    def __init__(self, memory: int, limit: int) -> None:
        self.size = self.left = 0
        self._memory = memory
        self._limit = limit
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None

    def add(self, pieces: list[bytes]) -> bool:
        """Keep more; returns whether there was room for it, in the limit and on the disk."""
        size = self.size + sum(map(len, pieces))
        if size > self._limit:
            return False
        if size <= self._memory:
            self._pieces += pieces
        elif not self._spool(pieces):
            return False
        self.size = size
        return True

    def _spool(self, pieces: list[bytes]) -> bool:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0, prefix="iam-proxy-")  # noqa: SIM115  closed by close()
                pieces, self._pieces = self._pieces + pieces, []
            data = memoryview(b"".join(pieces))
            self._file.seek(0, os.SEEK_END)
            while data:  # a write to a file may be short too
                data = data[self._file.write(data) :]
        except OSError:
            return False
        return True

    def rewind(self) -> None:
        """Begin again."""
        self.left = self.size

    def next(self) -> bytes:
        """Return the next piece of what is sent again. Raises InternalError when the disk does not give it back."""
        if self._file is None:
            self.left = 0
            return b"".join(self._pieces)
        try:
            self._file.seek(self.size - self.left)
            piece = self._file.read(min(PIECE, self.left))
        except OSError as error:
            raise InternalError(cause=f"temporary file: {error}") from None
        if not piece:
            raise InternalError(cause="temporary file: shorter than what was written")
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        """Let go of everything."""
        self._pieces = []
        if self._file is not None:
            self._file.close()


def spool_fault() -> str | None:
    """Return why no temporary file can be made, or None."""
    try:
        with tempfile.TemporaryFile(prefix="iam-proxy-"):
            return None
    except OSError as error:
        return error.strerror or str(error)
