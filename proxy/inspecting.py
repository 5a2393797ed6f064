"""The inspector of a running gateway: loaded only where it is wanted."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.app import App
from proxy.core.address import Address, TcpAddress
from proxy.inspector.application import Inspector
from proxy.inspector.capture import Capture
from proxy.inspector.preview import Budget
from proxy.inspector.ring import Ring
from proxy.tokens.state import TokenState


class AppSight:
    """What the inspector needs to know of a gateway."""

    def __init__(self, app: App) -> None:
        self._app = app

    def url(self) -> str:
        """Return where the gateway is asked; of a Unix socket there is no more than a name to ask for."""
        address, tls = self.address()
        if not isinstance(address, TcpAddress):
            return "http://localhost"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  it is read, not bound
        return f"{'https' if tls else 'http'}://{TcpAddress(host, address.port)}"

    def address(self) -> tuple[Address, bool]:
        """Return where the gateway listens first, and whether TLS is spoken there."""
        address = self._app.addresses[0]
        return address, self._app.speaks_tls(address)

    def tokens(self) -> Sequence[Mapping[str, Any]]:
        """Return the state of each credential's token, without the token; times in ms on the wall clock."""
        return [self._token(source.state) for source in self._app.sources.values()]

    def wants_key(self) -> bool:
        """Return whether callers need a key."""
        return bool(self._app.config.access.client_keys)

    def _token(self, state: TokenState) -> Mapping[str, Any]:
        return {
            "credential": state.credential,
            "phase": state.phase or "none",
            "expires": self._wall(state.expires_at),
            "next_login": self._wall(state.next_attempt),
            "outcome": state.outcome,
            "cause": state.cause,
        }

    def _wall(self, when: float | None) -> int | None:
        if when is None or math.isinf(when):  # what is held has no end
            return None
        return round((time.time() + when - self._app.wire.loop.time()) * 1000)


def inspector_of(app: App) -> Inspector:
    """Return the inspector of a gateway, which takes notes from now on."""
    capture = Capture(app.wire.loop, Ring(), Budget(app.wire.loop.time))
    capture.attach(app.gateway)
    capture.start()
    return Inspector(capture, AppSight(app))
