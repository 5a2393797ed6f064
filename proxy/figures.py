"""What a scrape reads of a running gateway besides what has been counted: nothing of it costs a request anything."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from proxy import __version__
from proxy.app import App
from proxy.core.snapshot import Snapshot, snapshot
from proxy.core.token_events import Outcome
from proxy.tokens.state import TokenState
from proxy.wire.pool import Pool


def traffic(app: App) -> Snapshot:
    """Return what is open and under way; nothing of a process that leaves serving to others."""
    if not app.accepts:
        return {}
    return {
        **snapshot("iam_proxy_in_flight_requests", {(): app.gateway.in_flight}),
        **snapshot("iam_proxy_in_flight_requests_limit", {(): app.config.limits.max_in_flight}),
        **snapshot("iam_proxy_client_connections", {(): len(app.clients)}),
        **snapshot("iam_proxy_client_connections_limit", {(): app.clients.limit}),
        **connections(app.pools.values()),
    }


def connections(pools: Iterable[Pool]) -> Snapshot:
    """Return what is known of the connections to each origin; one that is verified in two ways has two pools."""
    states: Counter[tuple[str, str]] = Counter()
    opened: Counter[tuple[str]] = Counter()
    reused: Counter[tuple[str]] = Counter()
    for pool in pools:
        origin = pool.upstream.origin
        states[origin, "active"] += pool.open - pool.idle
        states[origin, "idle"] += pool.idle
        opened[(origin,)] += pool.dialled
        reused[(origin,)] += pool.reused
    return {
        **snapshot("iam_proxy_origin_connections", states),
        **snapshot("iam_proxy_origin_connections_opened_total", opened),
        **snapshot("iam_proxy_origin_connections_reused_total", reused),
    }


def tokens(states: Mapping[str, TokenState], now: float) -> Snapshot:
    """Return what is known of each credential's token; `now` is the time on the clock that tokens are counted by."""
    ahead = time.time() - now
    expiries = {(name,): state.expires_at + ahead for name, state in states.items() if state.expires_at is not None}
    last = {(name, outcome): float(state.outcome is outcome) for name, state in states.items() for outcome in Outcome}
    return {
        **snapshot("iam_proxy_credential_live", {(name,): float(state.live) for name, state in states.items()}),
        **snapshot("iam_proxy_last_login", last),
        # A counter that begins with its first event shows Prometheus no increase for that.
        **snapshot("iam_proxy_logins_total", dict.fromkeys(last, 0.0)),
        **snapshot("iam_proxy_token_store_errors_total", {(name,): 0.0 for name in states}),
        **snapshot(
            "iam_proxy_token_expiry_timestamp_seconds",
            {name: when for name, when in expiries.items() if math.isfinite(when)},
        ),
    }


def build() -> Snapshot:
    """Return which gateway this is."""
    return snapshot("iam_proxy_build_info", {(__version__,): 1.0})
