"""The counters in Prometheus' form; names and labels are those of interface.md."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.metrics import BUCKETS, Histogram, Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition(Collector):
    """Reads the counters when a scrape asks. `expiries` are by credential, on the wall clock."""

    def __init__(
        self, metrics: Metrics, in_flight: Callable[[], int], expiries: Callable[[], Mapping[str, float]]
    ) -> None:
        self._metrics = metrics
        self._in_flight = in_flight
        self._expiries = expiries
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return everything, figures of the process included."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; prometheus_client calls this."""
        yield from self._exchanges()
        yield from self._tokens()
        yield counter("reloads", "Reloads of the configuration", ("outcome",), self._metrics.reloads)
        yield GaugeMetricFamily(
            "iam_proxy_last_reload_refused",
            "Whether the file has mistakes, so that what it said before is in force",
            value=self._metrics.reload_refused,
        )
        yield InfoMetricFamily("iam_proxy_build", "The gateway's version", value={"version": __version__})

    def _exchanges(self) -> Iterator[Metric]:
        metrics = self._metrics
        yield counter("requests", "Requests answered", ("route", "method", "code"), metrics.requests)
        durations = metrics.durations.items()
        yield histogram(
            "request_duration_seconds", "Time from head to end", ("route",), {(r,): h for r, h in durations}
        )
        yield GaugeMetricFamily("iam_proxy_in_flight_requests", "Requests under way", value=self._in_flight())
        yield counter(
            "upstream_errors", "Failures of the origin or of the way to it", ("route", "error"), metrics.origin_errors
        )
        yield counter("replays", "Replays after a refusal, by how they ended", ("route", "outcome"), metrics.replays)

    def _tokens(self) -> Iterator[Metric]:
        metrics = self._metrics
        yield counter("logins", "Logins, by what became of them", ("credential", "outcome"), metrics.logins)
        yield histogram("login_duration_seconds", "Time that logins took", (), {(): metrics.login_durations})
        yield counter(
            "token_refreshes", "Logins that gave a token, by what for", ("credential", "reason"), metrics.refreshes
        )
        yield counter(
            "token_store_errors", "Times that the shared store was of no use", ("credential",), metrics.store_errors
        )
        expiry = GaugeMetricFamily(
            "iam_proxy_token_expiry_timestamp_seconds", "When the token expires", labels=("credential",)
        )
        for credential, when in self._expiries().items():
            expiry.add_metric([credential], when)
        yield expiry


def counter(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, int]) -> Metric:
    """Return counts by label values."""
    family = CounterMetricFamily(f"iam_proxy_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric([str(part) for part in key], value)
    return family


def histogram(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, Histogram]) -> Metric:
    """Return histograms by label values."""
    family = HistogramMetricFamily(f"iam_proxy_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), cumulative(value), value.total)
    return family


def cumulative(values: Histogram) -> list[tuple[str, float]]:
    """Return the buckets as Prometheus wants them: each with all below it."""
    running, pairs = 0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), values.counts, strict=True):
        running += count
        pairs.append((bound, float(running)))
    return pairs
