"""Counters, how those of several processes become one, and how Prometheus sees them."""

import json
import pickle

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.admin.exposition import exposition
from proxy.core.events import Finished
from proxy.core.families import BUCKETS, FAMILIES
from proxy.core.snapshot import Snapshot, snapshot, summed
from proxy.core.token_events import LoginFailed, LoginSucceeded, Outcome, Reason, StoreFailed
from proxy.errors import GatewayError, OriginError
from proxy.metrics import CODES, ORIGIN_CODES, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(found: Snapshot) -> Samples:
    """Return every sample of the exposition, as a Prometheus server would read it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition(found).decode())
        for sample in family.samples
    }


def counted() -> Metrics:
    """Return metrics that have seen one of everything."""
    metrics = Metrics()
    metrics.finished(
        Finished("/", "GET", b"/", "::1", status=200, duration=0.02, replay="accepted", received=7, sent=9)
    )
    metrics.finished(Finished("/", "PUT", b"/", "::1", status=502, code="dns_error", duration=400, received=1))
    metrics.finished(Finished("/x", "GET", b"/", "::1", status=200, duration=0.001, outlived=True))
    metrics.token(LoginSucceeded("main", 0.2, 3600, Reason.START))
    metrics.token(LoginFailed("main", 0.2, Outcome.REJECTED, "no", 60, Reason.AHEAD))
    metrics.token(StoreFailed("main", "no"))
    return metrics


def test_names_and_labels_are_the_promised_ones() -> None:
    """What was seen is there, and counts."""
    seen = samples(counted().snapshot())
    assert seen["iam_proxy_requests_total", (("code", "200"), ("method", "GET"), ("route", "/"))] == 1
    assert seen["iam_proxy_request_duration_seconds_bucket", (("le", "0.025"), ("route", "/"))] == 1
    assert seen["iam_proxy_request_duration_seconds_bucket", (("le", "300.0"), ("route", "/"))] == 1
    assert seen["iam_proxy_request_duration_seconds_bucket", (("le", "+Inf"), ("route", "/"))] == 2
    assert seen["iam_proxy_request_duration_seconds_count", (("route", "/"),)] == 2
    assert seen["iam_proxy_request_duration_seconds_sum", (("route", "/"),)] == pytest.approx(400.02)
    assert seen["iam_proxy_errors_total", (("code", "dns_error"),)] == 1
    assert seen["iam_proxy_errors_total", (("code", "overloaded"),)] == 0
    assert seen["iam_proxy_upstream_errors_total", (("error", "dns_error"), ("route", "/"))] == 1
    assert seen["iam_proxy_received_bytes_total", (("route", "/"),)] == 8
    assert seen["iam_proxy_sent_bytes_total", (("route", "/"),)] == 9
    assert seen["iam_proxy_streams_outlived_token_total", (("route", "/"),)] == 0
    assert seen["iam_proxy_streams_outlived_token_total", (("route", "/x"),)] == 1
    assert seen["iam_proxy_logins_total", (("credential", "main"), ("outcome", "succeeded"))] == 1
    assert seen["iam_proxy_logins_total", (("credential", "main"), ("outcome", "rejected"))] == 1
    assert seen["iam_proxy_login_duration_seconds_count", ()] == 2
    assert seen["iam_proxy_token_refreshes_total", (("credential", "main"), ("reason", "start"))] == 1
    assert seen["iam_proxy_token_store_errors_total", (("credential", "main"),)] == 1
    assert seen["iam_proxy_replays_total", (("outcome", "accepted"), ("route", "/"))] == 1


def test_every_metric_is_announced_with_or_without_a_series() -> None:
    """HELP and TYPE of all that there are; so a rule that names one that nothing has happened to is no mistake."""
    text = exposition({}).decode()
    for family in FAMILIES.values():
        assert f"# HELP {family.name} {family.words}\n# TYPE {family.name} {family.kind}\n" in text


def test_snapshots_of_processes_become_one() -> None:
    """Counts, buckets and what is open are added up; some are the same for all, or the oldest."""
    one, other = counted().snapshot(), counted().snapshot()
    one |= snapshot("process_start_time_seconds", {(): 5.0}) | snapshot("iam_proxy_credential_live", {("main",): 1.0})
    other |= snapshot("process_start_time_seconds", {(): 3.0}) | snapshot("iam_proxy_credential_live", {("main",): 1.0})
    other |= snapshot("iam_proxy_in_flight_requests", {(): 4})
    other["iam_proxy_requests_total"].append((["/other", "GET", "200"], 6))
    seen, alone = samples(summed([one, other])), samples(one)
    assert seen["process_start_time_seconds", ()] == 3
    assert seen["iam_proxy_credential_live", (("credential", "main"),)] == 1
    assert seen["iam_proxy_in_flight_requests", ()] == 4
    assert seen["iam_proxy_requests_total", (("code", "200"), ("method", "GET"), ("route", "/other"))] == 6
    for key in samples(counted().snapshot()):
        assert seen[key] == pytest.approx(2 * alone[key]), key


def test_a_snapshot_can_be_sent_to_another_process() -> None:
    """By JSON and by pickle, and adds up there as here."""
    here = counted().snapshot()
    there = summed([json.loads(json.dumps(here)), pickle.loads(pickle.dumps(here))])  # noqa: S301  our own
    assert samples(there) == samples(summed([here, here]))
    assert summed([]) == {}


def test_clients_cannot_make_up_labels() -> None:
    """Unknown methods share one value."""
    metrics = Metrics()
    for method in ("PROPFIND", "MKCOL", "LOCK"):
        metrics.finished(Finished("/", method, b"/", "::1", status=200))
    assert dict(metrics.requests) == {("/", "other", 200): 3}


def test_errors_that_are_not_the_origins_are_not_counted_as_such() -> None:
    """A denied path says nothing about the platform, nor does a defect of the gateway."""
    metrics = Metrics()
    for code in ("path_denied", "internal_error"):
        metrics.finished(Finished("/", "GET", b"/", "::1", status=403, code=code))
    assert not metrics.origin_errors
    assert metrics.errors[("path_denied",)] == 1


def test_codes_are_those_of_the_errors() -> None:
    """Each has its place among the counts before it happens."""
    assert GatewayError.code in CODES
    assert "connection_refused" in ORIGIN_CODES
    assert OriginError.code not in ORIGIN_CODES
    assert {labels[0] for labels, _ in Metrics().snapshot()["iam_proxy_errors_total"]} == CODES


def test_buckets_grow() -> None:
    """As Prometheus wants them."""
    assert list(BUCKETS) == sorted(set(BUCKETS))
