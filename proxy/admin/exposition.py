"""A snapshot in Prometheus' form; names, words and labels are those of core/families.py."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.core.families import BUCKETS, FAMILIES, Family
from proxy.core.snapshot import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(snapshot: Snapshot) -> bytes:
    """Return every metric there is as text, those without a series too."""
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot))
    return generate_latest(registry)


class _Collector(Collector):
    """What prometheus_client asks for metrics."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        for family in FAMILIES.values():
            yield metric(family, self._snapshot)


def metric(family: Family, snapshot: Snapshot) -> Metric:
    """Return a metric with its series."""
    series = snapshot.get(family.name, [])
    match family.kind:
        case "histogram":
            found = HistogramMetricFamily(family.name, family.words, labels=family.labels)
            for labels, value in series:
                assert isinstance(value, list)  # noqa: S101  so are all of this kind
                found.add_metric(labels, cumulative(value[:-1]), value[-1])
            return found
        case "counter":
            counter = CounterMetricFamily(family.name, family.words, labels=family.labels)
            for labels, value in series:
                counter.add_metric(labels, value)  # type: ignore[arg-type]  # one number, as all of this kind
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(family.name, family.words, labels=family.labels)
            for labels, value in series:
                gauge.add_metric(labels, value)  # type: ignore[arg-type]  # likewise
            return gauge


def cumulative(counts: list[float]) -> list[tuple[str, float]]:
    """Return the buckets as Prometheus wants them: each with all below it."""
    running, pairs = 0.0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        running += count
        pairs.append((bound, running))
    return pairs
