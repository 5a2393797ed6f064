"""What many runs come to."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import Report


@dataclass
class Summary:
    """Counts over runs; `failed` has, by seed, the promises that were broken."""

    seeds: int = 0
    requests: int = 0
    logins: int = 0
    replays: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        """Count a run."""
        self.seeds += 1
        self.requests += report.requests
        self.logins += report.logins
        self.replays += report.replays
        self.faults += report.faults
        if report.broken:
            self.failed[str(report.seed)] = report.broken

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.seeds + other.seeds,
            self.requests + other.requests,
            self.logins + other.logins,
            self.replays + other.replays,
            self.faults + other.faults,
            self.failed | other.failed,
        )

    def __str__(self) -> str:
        return (
            f"{self.seeds} seeds, {self.requests} requests, {self.logins} logins, {self.faults.total()} faults of "
            f"{len(self.faults)} kinds, {self.replays} replays, {len(self.failed)} seeds failed"
        )

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(vars(self))


def loaded(text: str) -> Summary:
    """Return what `dump()` gave."""
    values: dict[str, Any] = json.loads(text)
    return Summary(**{**values, "faults": Counter(values["faults"])})
