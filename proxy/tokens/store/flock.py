"""Lock files: one that is locked by flock(2) and still lies under its name is held.

The kernel frees the lock of a process that dies. Whoever lets go takes the file along, so nothing is left lying about;
a lock on a file that no longer lies under its name is therefore worth nothing. Where there is no flock (Windows) every
lock is given.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Flock:
    """A lock file that is held. All calls may block for as long as the folder's disk does. Raises OSError."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @property
    def ours(self) -> bool:
        """Whether the lock is still held: another takes the file away when the lock is overdue."""
        if sys.platform == "win32":
            return True
        mine = os.fstat(self._descriptor)
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Take the file away and let go."""
        try:
            if self.ours:
                self._path.unlink()
        finally:
            os.close(self._descriptor)


def taken(path: Path, overdue: float) -> Flock | None:
    """Return the lock, None while another holds it; a file that has been locked for `overdue` seconds is taken away."""
    if sys.platform == "win32":
        return Flock(path, os.open(os.devnull, os.O_RDONLY))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    lock = Flock(path, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock.ours:
            os.utime(descriptor)  # an old file, of one who was killed, begins anew
            return lock
    except BlockingIOError:
        if time.time() - os.fstat(descriptor).st_mtime > overdue and lock.ours:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
