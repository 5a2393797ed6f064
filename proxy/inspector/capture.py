"""From the notes of exchanges to redacted entries in the ring. With the inspector off nothing of this is loaded."""

import asyncio
import time
from collections.abc import Callable

from proxy.core.events import Finished
from proxy.core.scrub import Scrub
from proxy.exchange import Exchange, Gateway
from proxy.inspector.entry import NO_CONTROL, Entry, Preview
from proxy.inspector.logins import Logins
from proxy.inspector.noted import Noted
from proxy.inspector.preview import LIMIT, Budget, Tap, preview
from proxy.inspector.redaction import Redaction
from proxy.inspector.ring import Ring
from proxy.way import Way
from proxy.wire.body import CHUNKED, EMPTY
from proxy.wire.client import ClientConnection
from proxy.wire.request import Request

# So often notes become entries, in seconds: together, for one search through many texts costs less than many.
EVERY = 0.05
# What the fields of both sides are taken for, in bytes.
HEADS = 512
CHUNKS = b"Transfer-Encoding: chunked\r\n"


class Capture:
    """Takes notes of a gateway's exchanges and turns them into entries, in the order in which they ended.

    `news` is called when there is something new. What waits to be redacted is shown to nobody.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Ring) -> None:
        self.ring = ring
        self.news: Callable[[], object] = lambda: None
        self.logins = Logins(lambda: self.news())  # noqa: PLW0108  who is told may change
        self._loop = loop
        self._notes: list[Noted] = []
        self._timer: asyncio.TimerHandle | None = None
        self._redactions: dict[Way | None, Redaction] = {}
        self._budget = Budget(loop.time)
        self._number = 0

    def attach(self, gateway: Gateway) -> None:
        """Take notes of every exchange of a gateway from now on, and of what was no request at all."""
        told = gateway.malformed

        class Ours(Noted):
            logins, notes, flush = self.logins, self._notes, staticmethod(self.flush)

        def noted(gateway: Gateway, client: ClientConnection, request: Request) -> Exchange:
            if request.body is not EMPTY:
                request.body.scrubbed = Tap()
            made = Ours(gateway, client, request)
            made.started = time.perf_counter()
            return made

        def malformed(fact: Finished) -> None:
            told(fact)
            self.flush()
            self._number += 1
            self.ring.add(Entry(self._number, time.time(), 0.0, fact, NO_CONTROL))
            self.news()

        gateway.malformed = malformed
        gateway.exchange = noted

    def start(self) -> None:
        """Make entries of notes every now and then, until `close()`."""
        self._timer = self._loop.call_later(EVERY, self.start)
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
        since = time.time() - time.perf_counter()
        entries = [self._entry(note, since) for note in notes]
        for each in self._redactions.values():
            each.finish()
        for entry in entries:
            self.ring.add(entry)
        self.news()

    # --- one entry
    def _entry(self, note: Noted, since: float) -> Entry:
        """Return what was noted; it is redacted once `finish` has been called."""
        way = note.route_taken
        self._number = number = self._number + 1
        entry = Entry(number, since + note.started, note.ended - note.started, note.fact, NO_CONTROL, note.request.host)
        entry.absolute = note.request.absolute
        if note.spans or note.refusals:
            entry.spans, entry.refusals, entry.login = note.spans, note.refusals, note.login
        if note.answered is not None:
            entry.answered = note.answered - note.started
        if self._budget.allows(HEADS + min(note.request.body.size, LIMIT) + min(note.fact.sent, LIMIT)):
            detailed(entry, note, way)
        else:
            entry.shed = True
        (self._redactions.get(way) or self._redaction(way)).add(entry)
        return entry

    def _redaction(self, way: Way | None) -> Redaction:
        made = self._redactions[way] = Redaction(None if way is None else way.route.injection, scrub_of(way))
        return made


def detailed(entry: Entry, note: Noted, way: Way | None) -> None:
    """Note in an entry the fields and the beginnings of the bodies."""
    request, answer = note.request, note.answer
    entry.lines, entry.control, body = request.lines, request.control, request.body
    if request.http10 or request.scheme != b"http":
        entry.http10, entry.scheme = request.http10, request.scheme
    if body is not EMPTY and isinstance(body.scrubbed, Tap):
        entry.request = preview(body.scrubbed.data, request.lines, whole=body.complete)
    if note.token is not None and way is not None:
        entry.injection = way.route.injection
    if answer is not None:
        entry.reason, entry.answer_lines, body = answer.reason, answer.lines, answer.body
        entry.framing = CHUNKS if body.framing is CHUNKED else answer.framing
        entry.answer = preview(note.begun if note.tap is None else note.tap.data, answer.lines, whole=body.complete)
    elif note.own is not None:
        own_answer(entry, *note.own)


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
