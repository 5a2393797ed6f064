"""What the admin listener shows of a running gateway, in plain values."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from proxy import __version__, figures, process
from proxy.app import App
from proxy.config.load import changed_log
from proxy.core.snapshot import Snapshot, snapshot, summed
from proxy.log import Output
from proxy.metrics import Metrics
from proxy.tokens.state import TokenState
from proxy.way import Way


class AppView:
    """Looks at a gateway for the admin listener."""

    def __init__(self, app: App, metrics: Metrics, output: Output, end: Callable[[], object] | None = None) -> None:
        self._app = app
        self._end = end
        self._began = time.time()
        self._metrics = metrics
        self._output = output

    def unready(self) -> Mapping[str, str]:
        """Return the reason for each credential that is not live; empty when the gateway is ready."""
        if self._app.draining:
            return {"gateway": "draining"}
        states = {name: source.state for name, source in self._app.sources.items()}
        return {name: reason(state) for name, state in states.items() if not state.live}

    async def status(self) -> Mapping[str, Any]:
        """Return what `/status` shows."""
        app = self._app
        under_way = summed((figures.traffic(app), *await app.others()))
        return {
            "version": __version__,
            "uptime_seconds": round(time.time() - self._began, 1),
            "listen": [str(address) for address in app.addresses],
            "connections": total(under_way, "iam_proxy_client_connections"),
            "in_flight": total(under_way, "iam_proxy_in_flight_requests"),
            "credentials": {name: self._credential(source.state) for name, source in app.sources.items()},
            "routes": [route(way, under_way) for way in app.ways],
        }

    async def snapshot(self) -> Snapshot:
        """Return every series of this gateway, of all its processes."""
        states = {name: source.state for name, source in self._app.sources.items()}
        return summed(
            (
                self._metrics.snapshot(),
                figures.traffic(self._app),
                *await self._app.others(),
                figures.tokens(states, self._app.wire.loop.time()),
                snapshot("iam_proxy_log_lines_dropped_total", {(): self._output.dropped}),
                figures.build(),
                process.figures(),
            )
        )

    async def metrics(self) -> bytes:
        """Return the exposition for Prometheus."""
        from proxy.admin.exposition import exposition  # noqa: PLC0415  only a scrape needs prometheus_client

        return exposition(await self.snapshot())

    def log(self) -> Mapping[str, Any]:
        """Return how the log is written now, and how many lines could not be."""
        return {**asdict(self._output.settings), "dropped": self._output.dropped}

    def adjust_log(self, changes: Mapping[str, Any]) -> None:
        """Write the log differently from now on. Raises ConfigError."""
        self._output.adjust(changed_log(self._output.settings, changes))
        self._app.adjust_log(self._output.settings)

    async def refresh(self, credential: str) -> Mapping[str, Any] | None:
        """Log in anew; return the credential's state, or None for an unknown one. Raises LoginError."""
        source = self._app.sources.get(credential)
        if source is None:
            return None
        await source.refresh()
        return self._credential(source.state)

    def quit(self) -> bool:
        """End the gateway as a signal would; return whether the configuration allows it."""
        allowed = self._end is not None and self._app.config.admin.quit
        if allowed and self._end is not None:
            self._end()
        return allowed

    def _wall(self, when: float) -> float:
        """Return a time on the loop's clock as one on the wall's."""
        return time.time() + when - self._app.wire.loop.time()

    def _date(self, when: float | None) -> str | None:
        if when is None or math.isinf(when):  # what is held has no end
            return None
        return datetime.fromtimestamp(self._wall(when), UTC).isoformat(timespec="seconds")

    def _credential(self, state: TokenState) -> Mapping[str, Any]:
        return {
            "live": state.live,
            "token": state.phase or "none",
            "expires": self._date(state.expires_at),
            "last_login": {"outcome": state.outcome, "at": self._date(state.finished_at), "cause": state.cause},
            "next_login": self._date(state.next_attempt),
            "logins": dict(state.logins),
            "refreshes": dict(state.refreshes),
        }


def total(snapshot: Snapshot, name: str) -> int:
    """Return the sum of the series of a metric."""
    return sum(int(value) for _, value in snapshot.get(name, ()) if not isinstance(value, list))


def reason(state: TokenState) -> str:
    """Return why a credential is not live."""
    if state.outcome is None:
        return "the first login has not ended"
    return f"login {state.outcome}: {state.cause or 'no token'}"


def route(way: Way, under_way: Snapshot) -> Mapping[str, Any]:
    """Return what there is to tell of a route; connections are those of all processes to its origin."""
    origin = way.pool.upstream.origin

    def count(name: str, *labels: str) -> int:
        return total({name: [series for series in under_way.get(name, ()) if series[0] == [origin, *labels]]}, name)

    idle = count("iam_proxy_origin_connections", "idle")
    return {
        "route": way.label,
        "upstream": str(way.route.upstream),
        "credential": way.route.credential or "none",
        "connections": {
            "open": idle + count("iam_proxy_origin_connections", "active"),
            "idle": idle,
            "dialled": count("iam_proxy_origin_connections_opened_total"),
            "reused": count("iam_proxy_origin_connections_reused_total"),
        },
    }
