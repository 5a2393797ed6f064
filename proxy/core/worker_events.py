"""What becomes of workers, told to the observers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerHangs:
    """A worker says nothing any more, or did not start or end in time; it is killed."""

    pid: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker has ended that was not told to; another is started `restart_in` seconds later.

    `code` is its exit code, negative for a signal.
    """

    pid: int
    code: int
    restart_in: float


WorkerEvent = WorkerHangs | WorkerDied
