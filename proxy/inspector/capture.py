"""From the notes of exchanges to redacted entries in the ring. With the inspector off nothing of this is loaded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from time import perf_counter

from proxy.core.events import Finished
from proxy.core.scrub import Scrub
from proxy.exchange import Exchange, Gateway
from proxy.inspector.entry import NO_CONTROL, NOTHING, Entry, Preview, Shed
from proxy.inspector.logins import Logins
from proxy.inspector.noted import Note, Noted, Timed
from proxy.inspector.preview import EACH, LIMIT, WHOLE, Budget, Tap, preview
from proxy.inspector.redaction import Redaction
from proxy.inspector.ring import Ring
from proxy.way import Way
from proxy.wire.body import CHUNKED, EMPTY
from proxy.wire.client import ClientConnection
from proxy.wire.request import Request

# So often notes become entries, in seconds: together, for one search through many texts costs less than many.
EVERY = 0.05
CHUNKS = b"Transfer-Encoding: chunked\r\n"


class Capture:
    """Takes notes of a gateway's exchanges and turns them into entries, in the order in which they ended.

    `news` is called when there is something new. What waits to be redacted is shown to nobody. `budget` decides which
    exchanges are kept whole.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Ring, budget: Budget) -> None:
        self.ring = ring
        self.news: Callable[[], object] = lambda: None
        self.logins = Logins(lambda: self.news())  # noqa: PLW0108  who is told may change
        self._loop = loop
        self._notes: list[Note] = []
        self._timer: asyncio.TimerHandle | None = None
        self._redactions: dict[Way | None, Redaction] = {}
        self._budget = budget
        self._number = 0

    def attach(self, gateway: Gateway) -> None:
        """Take notes of every exchange of a gateway from now on, and of what was no request at all.

        Whether all of an exchange is noted or its line alone is decided when it begins.
        """
        told, budget = gateway.malformed, self._budget

        class Line(Timed):
            logins, notes = self.logins, self._notes

        class Whole(Noted):
            logins, notes = self.logins, self._notes
            budget, flush = self._budget, staticmethod(self.flush)

        def noted(gateway: Gateway, client: ClientConnection, request: Request) -> Exchange:
            if budget.left < WHOLE:
                made: Timed = Line(gateway, client, request)
            else:
                budget.left -= EACH
                if request.body is not EMPTY:
                    request.body.scrubbed = Tap(budget)
                made = Whole(gateway, client, request)
            made.started = perf_counter()
            return made

        def malformed(fact: Finished) -> None:
            told(fact)
            self.flush()
            self._number += 1
            self.ring.extend([Entry(self._number, time.time(), 0.0, fact, NO_CONTROL)])
            self.news()

        gateway.malformed = malformed
        gateway.exchange = noted

    def start(self) -> None:
        """Make entries of notes every now and then, until `close()`."""
        self._timer = self._loop.call_later(EVERY, self.start)
        self._budget.refill()
        self.flush()

    def close(self) -> None:
        """Do so no more."""
        if self._timer is not None:
            self._timer.cancel()

    def flush(self) -> None:
        """Make entries of all notes."""
        if not self._notes:
            return
        notes = self._notes[:]
        self._notes.clear()
        since = time.time() - perf_counter()
        kept: list[Entry | Shed] = []
        for number, (started, ended, fact, host, way, exchange) in enumerate(notes, self._number + 1):
            redaction = self._redactions.get(way) or self._redaction(way)
            line = Shed(number, since + started, ended - started, fact, host)
            if exchange is None:
                redaction.line(fact)
                kept.append(line)
            else:
                entry = opened(line, exchange)
                redaction.add(entry)
                kept.append(entry)
        self._number += len(notes)
        for each in self._redactions.values():
            each.finish()
        self.ring.extend(kept)
        self.news()

    def _redaction(self, way: Way | None) -> Redaction:
        made = self._redactions[way] = Redaction(None if way is None else way.route.injection, scrub_of(way))
        return made


def opened(line: Shed, exchange: Timed) -> Entry:
    """Return an entry of what an exchange has noted beside its line."""
    entry = line.entry()
    entry.absolute = exchange.request.absolute
    entry.spans, entry.refusals, entry.login = exchange.spans, exchange.refusals, exchange.login
    if isinstance(exchange, Noted):
        entry.shed, entry.request, entry.answer = False, NOTHING, NOTHING
        detailed(entry, exchange)
    return entry


def detailed(entry: Entry, note: Noted) -> None:
    """Note in an entry the fields, the beginnings of the bodies and when the answer began."""
    request, answer = note.request, note.answer
    entry.lines, entry.control, body = request.lines, request.control, request.body
    if request.http10 or request.scheme != b"http":
        entry.http10, entry.scheme = request.http10, request.scheme
    if body is not EMPTY and isinstance(body.scrubbed, Tap):
        entry.request = tapped(body.scrubbed, request.lines, whole=body.complete)
    if note.token is not None:
        entry.injection = note.way.route.injection
    if note.answered is not None:
        entry.answered = note.answered - note.started
    if answer is not None:
        entry.reason, entry.answer_lines, body = answer.reason, answer.lines, answer.body
        entry.framing = CHUNKS if body.framing is CHUNKED else answer.framing
        if note.tap is not None:
            entry.answer = tapped(note.tap, answer.lines, whole=body.complete)
    elif note.own is not None:
        own_answer(entry, *note.own)


def tapped(tap: Tap, lines: Sequence[bytes], *, whole: bool) -> Preview:
    """Return what is kept of a body that a tap has noted the beginning of; `whole` says that the body had come all."""
    return preview(tap.data, lines, whole=whole and not tap.cut)


def own_answer(entry: Entry, head: bytes, body: bytes, detail: str) -> None:
    """Note in an entry what the gateway answered itself."""
    first, *lines = head.splitlines(keepends=True)
    entry.reason, entry.answer_lines, entry.detail = first.split(b" ", 2)[2].strip(), lines, detail
    entry.answer = Preview(body[:LIMIT])


def scrub_of(way: Way | None) -> Callable[[], Scrub | None]:
    """Return what returns that which hides the secrets of a way's credential, as they are now."""
    if way is None or way.source is None:
        return lambda: None
    source = way.source
    return lambda: way.scrub(source)
