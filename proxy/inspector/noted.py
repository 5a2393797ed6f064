"""Exchanges that take notes: of their times alone, or of bodies and heads too, as they crossed the client's side."""

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from proxy.core.events import Finished
from proxy.core.token import Token
from proxy.errors import GatewayError
from proxy.exchange import Exchange
from proxy.inspector.entry import Refusal, Span
from proxy.inspector.logins import Logins
from proxy.inspector.preview import Budget, Tap
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.answer import Answer
from proxy.wire.body import EMPTY
from proxy.wire.origin import OriginConnection

# So many exchanges with bodies become entries at once: few enough to lie in a processor's cache until then.
TOGETHER = 32

T = TypeVar("T")


class Timed(Exchange):
    """One request, when it began, and what was out of the ordinary: that stands on the class, for few have it.

    Times are in seconds, by `perf_counter`: the loops' own clock may count in whole milliseconds. Whoever makes a
    gateway's notes derives from this, and sets `logins` and `notes`.
    """

    __slots__ = ("__dict__", "started")

    logins: Logins
    notes: "list[Note]"

    started: float
    whole = False
    spans: tuple[Span, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    login: str | None = None

    async def _wait_for(self, token: Coroutine[Any, Any, T]) -> T:
        start = perf_counter()
        credential = self.fact.credential or ""
        self.logins.waits(credential, self)
        try:
            return await super()._wait_for(token)
        finally:
            self.logins.waited(credential, self)
            self._span("token", start)

    async def _connect(self) -> OriginConnection:
        start = perf_counter()
        try:
            return await super()._connect()
        finally:
            self._span("connect", start)

    def _span(self, what: str, start: float) -> None:
        self.spans += (Span(what, start - self.started, perf_counter() - self.started),)

    async def _recover(self, source: TokenSource, token: Token, answer: Answer) -> Answer:
        self.refusals += (Refusal(answer.status, perf_counter() - self.started),)
        return await super()._recover(source, token, answer)

    def _tell(self) -> None:
        super()._tell()
        request = self.request
        told = self if self.whole or self.spans or self.refusals or request.absolute else None
        self.notes.append((self.started, perf_counter(), self.fact, request.host, getattr(self, "way", None), told))


# When an exchange began and ended, what the observers were told, the host that was asked for, the way that was taken,
# and the exchange itself where there is more to be told of it.
Note = tuple[float, float, Finished, bytes, Way | None, Timed | None]


class Noted(Timed):
    """One request, and all there is to show of it.

    `tap` notes the answer's body. `own` is the gateway's own answer, with its detail. Besides what is said above,
    `budget` and what makes entries of the notes are set.
    """

    budget: Budget
    flush: Callable[[], None]

    whole = True
    answered: float | None = None
    answer: Answer | None = None
    tap: Tap | None = None
    own: tuple[bytes, bytes, str] | None = None

    def _start(self, answer: Answer) -> bool:
        body = answer.body
        begun = body.peek()
        keep = super()._start(answer)
        self.answer, self.answered = answer, perf_counter()
        if body is not EMPTY:
            self.tap = tap = Tap(self.budget, begun, body.scrubbed)
            if not body.complete:
                body.scrubbed = tap
        return keep

    def _said(self, error: GatewayError) -> tuple[bytes, bytes]:
        head, body = super()._said(error)
        self.answer, self.own = None, (head, body, error.detail)
        return head, body

    def _tell(self) -> None:
        super()._tell()
        if len(self.notes) >= TOGETHER:
            self.flush()
