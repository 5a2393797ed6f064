"""An exchange that notes its times, the beginnings of its bodies and the heads as they crossed the client's side."""

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from proxy.core.token import Token
from proxy.errors import GatewayError
from proxy.exchange import Exchange
from proxy.inspector.entry import Refusal, Span
from proxy.inspector.logins import Logins
from proxy.inspector.preview import Tap
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.answer import Answer
from proxy.wire.origin import OriginConnection

# So many notes become entries at once: few enough to lie in a processor's cache until then.
TOGETHER = 32

T = TypeVar("T")


class Noted(Exchange):
    """One request, and what there is to show of it. What few exchanges have stands on the class.

    `begun` is what of the answer's body had come with its head, `tap` notes the rest of a longer one. `own` is the
    gateway's own answer, with its detail. Whoever makes a gateway's notes derives from this, and sets `logins`,
    `notes` and what makes entries of them.
    """

    logins: Logins
    notes: "list[Noted]"
    flush: Callable[[], None]

    # In seconds, by `perf_counter`: the loops' own clock may count in whole milliseconds.
    started: float = 0.0
    ended: float = 0.0
    answered: float | None = None
    answer: Answer | None = None
    begun: bytes = b""
    tap: Tap | None = None
    own: tuple[bytes, bytes, str] | None = None
    spans: tuple[Span, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    login: str | None = None

    @property
    def route_taken(self) -> Way | None:
        """The way that it took, None where it was refused before one was found."""
        return getattr(self, "way", None)

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

    def _start(self, answer: Answer) -> bool:
        body = answer.body
        begun = body.peek()
        keep = super()._start(answer)
        self.answer, self.begun, self.answered = answer, begun, perf_counter()
        if not body.complete:
            body.scrubbed = self.tap = Tap(begun, body.scrubbed)
        return keep

    def _said(self, error: GatewayError) -> tuple[bytes, bytes]:
        head, body = super()._said(error)
        self.answer, self.own = None, (head, body, error.detail)
        return head, body

    def _tell(self) -> None:
        super()._tell()
        self.ended = perf_counter()
        notes = self.notes
        notes.append(self)
        if len(notes) >= TOGETHER:
            self.flush()
