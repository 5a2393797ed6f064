"""Counters: plain numbers that an exchange adds to, and that a scrape reads (names and labels: interface.md)."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from proxy import errors
from proxy.core.events import Finished
from proxy.core.reload_events import Reloaded, ReloadEvent, ReloadRefused
from proxy.core.token_events import LoginFailed, LoginSucceeded, StoreFailed, TokenEvent

# Methods with a label of their own (RFC 9110 §9, RFC 5789): a client cannot make up further ones.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
# From a local answer to a long query, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
ORIGIN_CODES = frozenset(
    kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OriginError)
)


@dataclass(slots=True)
class Histogram:
    """How many values fell below each bucket's bound, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count a value, in seconds."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.total += value


class Metrics:
    """Everything counted since the start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.durations: dict[str, Histogram] = {}
        self.origin_errors: Counter[tuple[str, str]] = Counter()
        self.replays: Counter[tuple[str, str]] = Counter()
        self.logins: Counter[tuple[str, str]] = Counter()
        self.login_durations = Histogram()
        self.refreshes: Counter[tuple[str, str]] = Counter()
        self.store_errors: Counter[tuple[str]] = Counter()
        self.reloads: Counter[tuple[str]] = Counter()
        self.reload_refused = False  # the last one

    def finished(self, fact: Finished) -> None:
        """Count an exchange that has ended."""
        route, duration = fact.route, fact.duration
        self.requests[route, fact.method if fact.method in METHODS else "other", fact.status] += 1
        durations = self.durations.get(route)
        if durations is None:
            durations = self.durations[route] = Histogram()
        durations.counts[bisect_left(BUCKETS, duration)] += 1
        durations.total += duration
        if fact.code is not None and fact.code in ORIGIN_CODES:
            self.origin_errors[route, fact.code] += 1
        if fact.replay is not None:
            self.replays[fact.route, fact.replay] += 1

    def token(self, event: TokenEvent) -> None:
        """Count what became of a login."""
        match event:
            case LoginSucceeded():
                self.logins[event.credential, "succeeded"] += 1
                self.login_durations.add(event.duration)
                self.refreshes[event.credential, str(event.reason)] += 1
            case LoginFailed():
                self.logins[event.credential, str(event.outcome)] += 1
                self.login_durations.add(event.duration)
            case StoreFailed():
                self.store_errors[(event.credential,)] += 1

    def reload(self, event: ReloadEvent) -> None:
        """Count what became of a reload."""
        if isinstance(event, (Reloaded, ReloadRefused)):
            self.reload_refused = isinstance(event, ReloadRefused)
            self.reloads[("refused" if self.reload_refused else "succeeded",)] += 1
