"""The line of a finished exchange. It is written for every request, so it goes past the processors."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from proxy.core import redact
from proxy.core.events import Finished
from proxy.core.injection import Injection, Place
from proxy.log.console import Console
from proxy.log.lines import json_line
from proxy.log.writer import Writer

# RFC 9110 §15: from here on a request has not succeeded, and from there on it was not the client's fault.
CLIENT_ERROR, SERVER_ERROR = 400, 500
# Methods are short; a longer one is shown by its beginning.
SHOWN = 64


def hidden_parameters(injections: Iterable[Injection]) -> frozenset[bytes]:
    """Return the names of query parameters whose values no log shows: those that carry credentials are among them."""
    return redact.NAMES | {redact.folded(each.name) for each in injections if each.place is Place.QUERY}


class AccessLog:
    """Writes one line for each exchange, but of those that succeeded only a `share`, which `random` in [0, 1) picks.

    `console` lays lines out for people, where it is people who read them; the values of query parameters with the
    folded names in `hidden` are left out.
    """

    def __init__(
        self, writer: Writer, random: Callable[[], float], share: float = 1.0, console: Console | None = None
    ) -> None:
        self.share = share
        self.console = console
        self.hidden = redact.NAMES
        self._writer = writer
        self._random = random
        self._second = 0
        self._stamp = ""

    def finished(self, fact: Finished) -> None:
        """Write the line of an exchange that has ended."""
        if self.share < 1:
            succeeded = 0 < fact.status < CLIENT_ERROR and fact.code is None and not fact.cut
            if succeeded and self._random() >= self.share:
                return
        line = self._line(fact)
        self._writer.write(json_line(line) if self.console is None else self.console.request(line))

    def _line(self, fact: Finished) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": self._now(),
            "level": level(fact),
            "event": "request",
            "method": fact.method[:SHOWN],
            "route": fact.route,
            "target": redact.target(fact.target, self.hidden),
            "status": fact.status,
            "received": fact.received,
            "sent": fact.sent,
            "duration_ms": round(fact.duration * 1000, 1),
            "attempts": fact.attempts,
            "peer": fact.peer,
            "request_id": fact.request_id,
        }
        if fact.credential is not None:
            line["credential"] = fact.credential
        if fact.client is not None:
            line["client"] = fact.client
        if fact.proxy is not None:
            line["proxy"] = fact.proxy
        if fact.code is not None:
            line["code"] = fact.code
        if fact.cause:
            line["cause"] = fact.cause
        if fact.replay is not None:
            line["replay"] = fact.replay
        if fact.cut:
            line["cut"] = True
        if fact.outlived:
            line["outlived_token"] = True
        return line

    def _now(self) -> str:
        """Return the time as the other events show it; its seconds are rendered once each."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


def level(fact: Finished) -> str:
    """Return how serious an exchange was: a failure of the gateway or of the way to the origin is worth a look."""
    return "warning" if fact.cut or (fact.code is not None and fact.status >= SERVER_ERROR) else "info"
