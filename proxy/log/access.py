"""The line of a finished exchange. It is written for every request, so it goes past the processors."""

import time
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from proxy.core import redact
from proxy.core.events import Finished
from proxy.log.console import Console
from proxy.log.writer import Writer

SERVER_ERROR = 500
# Methods are short; a longer one is shown by its beginning.
SHOWN = 64


class AccessLog:
    """Writes one line for each exchange; with `every` off only for refusals and errors.

    `secret` are the names of query parameters whose values are hidden, folded.
    """

    def __init__(
        self, writer: Writer, console: Console | None, *, every: bool, secret: AbstractSet[bytes] = redact.NAMES
    ) -> None:
        self._writer = writer
        self._console = console
        self.every = every
        self._secret = secret
        self._second = 0
        self._stamp = ""

    def finished(self, fact: Finished) -> None:
        """Write the line of an exchange that has ended."""
        if not (self.every or fact.code or fact.cut):
            return
        line = self._line(fact)
        if self._console is not None:
            self._writer.write(self._console.request(line))
        else:
            self._writer.write(orjson.dumps(line).decode())

    def _line(self, fact: Finished) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": self._now(),
            "level": level(fact),
            "event": "request",
            "method": fact.method[:SHOWN],
            "route": fact.route,
            "target": redact.target(fact.target, self._secret),
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
