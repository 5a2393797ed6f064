"""What the admin listener shows of a running gateway, in plain values."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from proxy import __version__
from proxy.app import App
from proxy.core.hosts import Hosts
from proxy.metrics import Metrics
from proxy.tokens.state import TokenState
from proxy.way import Way


class AppView:
    """Looks at a gateway for the admin listener."""

    def __init__(self, app: App, metrics: Metrics, end: Callable[[], object] | None = None) -> None:
        self._app = app
        self._end = end
        self._began = time.time()
        self._metrics = metrics
        self._exposition: Any = None

    @property
    def hosts(self) -> Hosts:
        """The Host names that are answered."""
        return self._app.hosts

    def unready(self) -> Mapping[str, str]:
        """Return the reason for each credential that is not live; empty when the gateway is ready."""
        if self._app.draining:
            return {"gateway": "draining"}
        states = {name: source.state for name, source in self._app.sources.items()}
        return {name: reason(state) for name, state in states.items() if not state.live}

    def status(self) -> Mapping[str, Any]:
        """Return what `/status` shows."""
        app = self._app
        return {
            "version": __version__,
            "uptime_seconds": round(time.time() - self._began, 1),
            "listen": [str(address) for address in app.addresses],
            "connections": len(app.clients),
            "in_flight": app.gateway.in_flight,
            "credentials": {name: self._credential(source.state) for name, source in app.sources.items()},
            "routes": [route(way) for way in app.ways],
        }

    def metrics(self) -> bytes:
        """Return the exposition for Prometheus."""
        if self._exposition is None:
            from proxy.admin.exposition import Exposition  # noqa: PLC0415  only a scrape needs prometheus_client

            self._exposition = Exposition(self._metrics, lambda: self._app.gateway.in_flight, self._expiries)
        text: bytes = self._exposition.text()
        return text

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

    def _expiries(self) -> Mapping[str, float]:
        states = {name: source.state for name, source in self._app.sources.items()}
        return {name: self._wall(state.expires_at) for name, state in states.items() if state.expires_at is not None}

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


def reason(state: TokenState) -> str:
    """Return why a credential is not live."""
    if state.outcome is None:
        return "the first login has not ended"
    return f"login {state.outcome}: {state.cause or 'no token'}"


def route(way: Way) -> Mapping[str, Any]:
    """Return what there is to tell of a route."""
    pool = way.pool
    return {
        "route": way.label,
        "upstream": str(way.route.upstream),
        "credential": way.route.credential or "none",
        "connections": {"open": pool.open, "idle": pool.idle, "dialled": pool.dialled, "reused": pool.reused},
    }
