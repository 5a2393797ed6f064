"""What a process that holds secrets asks of its system: no core dumps, and as many open files as it may have."""

import contextlib
import ctypes
import sys

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


def count(limit: int) -> float:
    """Return a limit of the system as a number that can be compared."""
    return float("inf") if limit == resource.RLIM_INFINITY else limit


def limit(count: float) -> int:
    """Return a number as the system takes it."""
    return resource.RLIM_INFINITY if count == float("inf") else int(count)
