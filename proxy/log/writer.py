"""Where log lines go: gathered, and written together."""

import asyncio
import contextlib
from typing import TextIO

# How long a line may wait for others to be written with it, in seconds.
PATIENCE = 0.05


class Writer:
    """Writes lines to a stream; on a running loop it gathers them first. A stream that is gone ends nobody."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        """Take a line, without its end."""
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_later(PATIENCE, self.flush)
            except RuntimeError:  # no loop runs: there is nothing to gather for
                self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        lines, self._lines = self._lines, []
        if lines:
            lines.append("")
            with contextlib.suppress(OSError, ValueError):  # a closed pipe, a closed stream
                self._stream.write("\n".join(lines))
                self._stream.flush()
