"""Where log lines go: gathered, and written together by a thread, so that a slow reader holds up nobody else."""

import threading
from collections.abc import Callable
from typing import Protocol, TextIO

from proxy.log.outlet import Outlet

# How long a line may wait for others to be written with it, in seconds.
PATIENCE = 0.05
# How much may wait to be written, in characters: a second of a busy gateway. Further lines are dropped, and counted.
BOUND = 4 * 1024 * 1024
# How long the end of the process may wait for a reader, in seconds.
LAST_LINES = 1.0


class Writer(Protocol):
    """Takes whole lines; `dropped` counts those that nobody will read."""

    dropped: int

    def write(self, line: str) -> None:
        """Take a line, with its end. Never waits."""
        ...

    def flush(self, within: float = LAST_LINES) -> None:
        """Wait until everything has been written, for so many seconds at most."""
        ...

    def close(self) -> None:
        """Flush, and write nothing any more."""
        ...


def writer(stream: TextIO, gap: Callable[[int], str]) -> Writer:
    """Return what writes to a stream; `gap` makes the line that tells how many are missing."""
    try:
        return Gathering(Outlet(stream.fileno()), gap)
    except (OSError, ValueError):  # it has no descriptor, or is closed
        return Direct(stream)


class Gathering:
    """Hands lines to a thread, which writes them to an outlet.

    Lines are missing where they found no room or could not be written; one line there says how many.
    """

    def __init__(self, outlet: Outlet, gap: Callable[[int], str]) -> None:
        self.dropped = 0
        self._outlet = outlet
        self._gap = gap
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._lines: list[str] = []
        self._size = 0  # characters that wait, those that are being written among them
        self._skipped = 0  # lines that found no room behind those that wait
        self._missing = 0  # lines that are missing before those that wait; the thread's own
        self._hurried = self._closed = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line, with its end. Never waits."""
        with self._lock:
            if self._skipped or self._size > BOUND:
                self._skipped += 1
                self.dropped += 1
                return
            self._size += len(line)
            self._lines.append(line)
            if len(self._lines) == 1:
                self._changed.notify_all()

    def flush(self, within: float = LAST_LINES) -> None:
        """Wait until everything has been written, for so many seconds at most."""
        with self._lock:
            self._hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._size or self._skipped), within)
            self._hurried = self._closed

    def close(self) -> None:
        """Flush, and end the thread; one that its reader keeps ends with the process."""
        with self._lock:
            self._closed = self._hurried = True
            self._changed.notify_all()
        self._thread.join(LAST_LINES)

    # --- the thread
    def _run(self) -> None:
        while self._await():
            with self._lock:
                lines, self._lines = self._lines, []
                skipped, self._skipped = self._skipped, 0
            text = "".join(lines)
            del lines
            self._tell_gap()
            lost = self._outlet.write(encoded(text))
            self._missing += lost + skipped
            self._tell_gap()
            with self._lock:
                self.dropped += lost
                self._size -= len(text)
                self._changed.notify_all()
        self._tell_gap()

    def _await(self) -> bool:
        """Wait for lines and for those that come with them; tell whether there are any."""
        with self._lock:
            self._changed.wait_for(lambda: self._lines or self._skipped or self._closed)
            if not self._hurried:
                self._changed.wait_for(lambda: self._hurried, PATIENCE)
            return bool(self._lines or self._skipped)

    def _tell_gap(self) -> None:
        if self._missing and not self._outlet.write(encoded(self._gap(self._missing))):
            self._missing = 0


class Direct:
    """Writes each line at once to a stream that has no descriptor: one in memory holds up nobody."""

    def __init__(self, stream: TextIO) -> None:
        self.dropped = 0
        self._stream = stream

    def write(self, line: str) -> None:
        """Write a line, with its end."""
        try:
            self._stream.write(line)
        except ValueError:  # it is closed
            self.dropped += 1

    def flush(self, within: float = LAST_LINES) -> None:
        """Do nothing: nothing waits."""

    def close(self) -> None:
        """Do nothing: the stream is its owner's."""


def encoded(text: str) -> bytes:
    """Return lines as they are written; what is no Unicode, lines.py has escaped."""
    return text.encode("utf-8", "backslashreplace")
