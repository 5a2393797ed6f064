"""Counters, and how Prometheus sees them."""

from prometheus_client.parser import text_string_to_metric_families

from proxy.admin.exposition import Exposition
from proxy.core.events import Finished
from proxy.core.token_events import LoginFailed, LoginSucceeded, Outcome, Reason, StoreFailed
from proxy.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample of the exposition, as a Prometheus server would read it."""
    text = Exposition(metrics, lambda: 3, lambda: {"main": 1700000000.5}).text().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_names_and_labels_are_the_promised_ones() -> None:
    """What interface.md lists is there, and counts."""
    metrics = Metrics()
    metrics.finished(Finished("/", "GET", b"/", "::1", status=200, duration=0.02, replay="accepted"))
    metrics.finished(Finished("/", "PUT", b"/", "::1", status=502, code="dns_error", duration=400))
    metrics.token(LoginSucceeded("main", 0.2, 3600, Reason.START))
    metrics.token(LoginFailed("main", 0.2, Outcome.REJECTED, "no", 60, Reason.AHEAD))
    metrics.token(StoreFailed("main", "no"))
    seen = samples(metrics)
    assert seen["iam_proxy_requests_total", (("code", "200"), ("method", "GET"), ("route", "/"))] == 1
    assert seen["iam_proxy_request_duration_seconds_bucket", (("le", "0.025"), ("route", "/"))] == 1
    assert seen["iam_proxy_request_duration_seconds_count", (("route", "/"),)] == 2
    assert seen["iam_proxy_in_flight_requests", ()] == 3
    assert seen["iam_proxy_upstream_errors_total", (("error", "dns_error"), ("route", "/"))] == 1
    assert seen["iam_proxy_logins_total", (("credential", "main"), ("outcome", "succeeded"))] == 1
    assert seen["iam_proxy_logins_total", (("credential", "main"), ("outcome", "rejected"))] == 1
    assert seen["iam_proxy_login_duration_seconds_count", ()] == 2
    assert seen["iam_proxy_token_expiry_timestamp_seconds", (("credential", "main"),)] == 1700000000.5
    assert seen["iam_proxy_token_refreshes_total", (("credential", "main"), ("reason", "start"))] == 1
    assert seen["iam_proxy_token_store_errors_total", (("credential", "main"),)] == 1
    assert seen["iam_proxy_replays_total", (("outcome", "accepted"), ("route", "/"))] == 1
    assert any(name == "iam_proxy_build_info" for name, _ in seen)
    assert any(name == "process_resident_memory_bytes" for name, _ in seen)


def test_clients_cannot_make_up_labels() -> None:
    """Unknown methods share one value."""
    metrics = Metrics()
    for method in ("PROPFIND", "MKCOL", "LOCK"):
        metrics.finished(Finished("/", method, b"/", "::1", status=200))
    assert dict(metrics.requests) == {("/", "other", 200): 3}


def test_errors_that_are_not_the_origins_are_not_counted_as_such() -> None:
    """A denied path says nothing about the platform."""
    metrics = Metrics()
    metrics.finished(Finished("/", "GET", b"/", "::1", status=403, code="path_denied"))
    assert not metrics.origin_errors
