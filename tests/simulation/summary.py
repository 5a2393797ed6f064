"""What many runs come to."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.world import Report


@dataclass
class Summary:
    """Counts over runs; `failed` has the seeds of those that broke a promise."""

    seeds: int = 0
    requests: int = 0
    logins: int = 0
    replays: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        """Count a run."""
        self.seeds += 1
        self.requests += report.requests
        self.logins += report.logins
        self.replays += report.replays
        self.faults += report.faults
        if report.broken:
            self.failed[report.seed] = report.broken

    def __str__(self) -> str:
        return (
            f"{self.seeds} seeds, {self.requests} requests, {self.logins} logins, {self.faults.total()} faults, "
            f"{self.replays} replays, {len(self.failed)} failed"
        )
