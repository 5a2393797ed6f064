"""Counters: plain numbers that an exchange adds to, and that a scrape reads (names and labels: core/families.py)."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from proxy import errors
from proxy.core.events import Finished
from proxy.core.families import BUCKETS
from proxy.core.reload_events import Reloaded, ReloadEvent, ReloadRefused
from proxy.core.snapshot import Snapshot, snapshot
from proxy.core.token_events import LoginFailed, LoginSucceeded, StoreFailed, TokenEvent
from proxy.core.worker_events import WorkerDied, WorkerEvent

# Methods with a label of their own (RFC 9110 §9, RFC 5789): a client cannot make up further ones.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GatewayError)]
CODES = frozenset(kind.code for kind in KINDS)
ORIGIN_CODES = frozenset(kind.code for kind in KINDS if issubclass(kind, errors.OriginError)) - {
    errors.GatewayError.code
}


@dataclass(slots=True)
class Histogram:
    """How many values fell below each bucket's bound, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count a value, in seconds."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.total += value

    @property
    def value(self) -> list[float]:
        """As a snapshot holds it."""
        return [*self.counts, self.total]


@dataclass(slots=True)
class RouteCounts(Histogram):
    """How long the requests of a route took, and the bytes of their bodies."""

    received: int = 0
    sent: int = 0
    outlived: int = 0


class Metrics:
    """Everything counted since the start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.routes: dict[str, RouteCounts] = {}
        self.errors: Counter[tuple[str]] = Counter(dict.fromkeys(((code,) for code in sorted(CODES)), 0))
        self.origin_errors: Counter[tuple[str, str]] = Counter()
        self.replays: Counter[tuple[str, str]] = Counter()
        self.logins: Counter[tuple[str, str]] = Counter()
        self.login_durations = Histogram()
        self.refreshes: Counter[tuple[str, str]] = Counter()
        self.store_errors: Counter[tuple[str]] = Counter()
        self.reloads = Counter({("succeeded",): 0, ("refused",): 0})
        self.reload_refused = False  # the last one
        self.worker_restarts = 0

    def finished(self, fact: Finished) -> None:
        """Count an exchange that has ended."""
        route, duration = fact.route, fact.duration
        self.requests[route, fact.method if fact.method in METHODS else "other", fact.status] += 1
        counts = self.routes.get(route)
        if counts is None:
            counts = self.routes[route] = RouteCounts()
        counts.counts[bisect_left(BUCKETS, duration)] += 1
        counts.total += duration
        counts.received += fact.received
        counts.sent += fact.sent
        if fact.outlived:
            counts.outlived += 1
        if fact.code is not None:
            self.errors[(fact.code,)] += 1
            if fact.code in ORIGIN_CODES:
                self.origin_errors[route, fact.code] += 1
        if fact.replay is not None:
            self.replays[route, fact.replay] += 1

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

    def worker(self, event: WorkerEvent) -> None:
        """Count what became of a worker."""
        if isinstance(event, WorkerDied):
            self.worker_restarts += 1

    def snapshot(self) -> Snapshot:
        """Return all of it as plain data."""
        routes = {(name,): counts for name, counts in self.routes.items()}
        return {
            **snapshot("iam_proxy_requests_total", self.requests),
            **snapshot("iam_proxy_request_duration_seconds", {name: counts.value for name, counts in routes.items()}),
            **snapshot("iam_proxy_errors_total", self.errors),
            **snapshot("iam_proxy_upstream_errors_total", self.origin_errors),
            **snapshot("iam_proxy_replays_total", self.replays),
            **snapshot("iam_proxy_received_bytes_total", {name: counts.received for name, counts in routes.items()}),
            **snapshot("iam_proxy_sent_bytes_total", {name: counts.sent for name, counts in routes.items()}),
            **snapshot(
                "iam_proxy_streams_outlived_token_total", {name: counts.outlived for name, counts in routes.items()}
            ),
            **snapshot("iam_proxy_logins_total", self.logins),
            **snapshot("iam_proxy_login_duration_seconds", {(): self.login_durations.value}),
            **snapshot("iam_proxy_token_refreshes_total", self.refreshes),
            **snapshot("iam_proxy_token_store_errors_total", self.store_errors),
            **snapshot("iam_proxy_reloads_total", self.reloads),
            **snapshot("iam_proxy_last_reload_refused", {(): float(self.reload_refused)}),
            **snapshot("iam_proxy_worker_restarts_total", {(): self.worker_restarts}),
        }
