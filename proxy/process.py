"""What a process that holds secrets asks of its system: no core dumps, as many files as it may have, its figures."""

import contextlib
import ctypes
import os
import sys
import time
from pathlib import Path

from proxy.core.snapshot import Snapshot, snapshot

if sys.platform != "win32":
    import resource

PR_SET_DUMPABLE = 4  # linux/prctl.h
OPEN_MAX = 10_240  # macOS: the most that its kernel takes where the hard limit says that there is none


def no_core_dumps() -> None:
    """Let nothing of this process's memory onto the disk, nor to other processes of its user.

    The limit holds where cores are files. Where they are piped to a program, Linux looks at the flag alone; that also
    makes /proc/PID root's and lets nobody but root attach a debugger. It ends when another program is executed.
    """
    if sys.platform == "win32":
        return
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def raise_file_limit() -> float:
    """Raise the number of files that this process may open as far as it may, never lower it; return what it is now."""
    if sys.platform == "win32":
        return float("inf")
    soft, hard = (count(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    for wanted in (hard, min(hard, OPEN_MAX)):
        if wanted > soft:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit(wanted), limit(hard)))
                return wanted
    return soft


def figures() -> Snapshot:
    """Return what the system tells of this process, under the names that Prometheus' own clients give it.

    Memory is told by Linux alone, open files by whatever has /dev/fd.
    """
    found = snapshot("process_cpu_seconds_total", {(): time.process_time()})
    found |= snapshot("process_start_time_seconds", {(): STARTED})
    if sys.platform != "win32":
        found |= snapshot("process_max_fds", {(): count(resource.getrlimit(resource.RLIMIT_NOFILE)[0])})
        found |= snapshot("process_open_fds", {(): open_files()})
    with contextlib.suppress(OSError):  # no such file, or no file left to read it
        virtual, resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[:2]
        page = resource.getpagesize()
        found |= snapshot("process_virtual_memory_bytes", {(): int(virtual) * page})
        found |= snapshot("process_resident_memory_bytes", {(): int(resident) * page})
    return found


def open_files() -> float:
    """Return how many files are open."""
    try:
        return len(list(Path("/dev/fd").iterdir())) - 1  # the listing itself has one open
    except OSError:  # no file is left to list them
        return count(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def started() -> float:
    """Return when this process began, on the wall clock: Linux tells it since boot, elsewhere it is about now."""
    try:
        # proc(5): the 22nd field, in ticks; the second, a name in brackets, may hold anything.
        ticks = int(
            Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.time()


STARTED = started()


class FilesAsBefore:
    """While it is entered the limit of open files is what it was when this was made: for a program that is started."""

    def __init__(self) -> None:
        self._before = None if sys.platform == "win32" else resource.getrlimit(resource.RLIMIT_NOFILE)

    def __enter__(self) -> None:
        if self._before is not None:
            self._raised = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._before[0], self._raised[1]))

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._raised)


def count(limit: int) -> float:
    """Return a limit of the system as a number that can be compared."""
    return float("inf") if limit == resource.RLIM_INFINITY else limit


def limit(count: float) -> int:
    """Return a number as the system takes it."""
    return resource.RLIM_INFINITY if count == float("inf") else int(count)
