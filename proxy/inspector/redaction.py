"""What of an exchange may be kept: nothing that opens a door.

Two ways, one behind the other: what has a telling name is masked by that, wherever it stands; whatever looks like a
secret or a token of the route's credential is hidden wherever it stands (`core/needles.py`), be its name what it may.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from proxy.core.events import Finished
from proxy.core.fields import REQUEST_CONTROL
from proxy.core.injection import Injection, Place
from proxy.core.redact import HIDDEN
from proxy.core.scrub import Scrub
from proxy.inspector.entry import Entry, Preview

# How the name of a field, a parameter or a member of JSON ends that holds what opens a door.
_ENDS = rb"(?:token|secret|secret[_-]?key|api[_-]?key|access[_-]?key|password|passwd|signature|credential)"
_TELLING = re.compile(rb"(?i)authorization|cookie|proxy-key|session|" + _ENDS)
# Tried behind a mark alone: a long text without one costs nothing.
_PARAMETER = re.compile(rb"(?i)((?:\A|[?&;#\s\"'])[\w.%\[\]-]*" + _ENDS + rb"\]?=)[^&;#\s\"'<>]+")
_MEMBER = re.compile(rb'(?i)("[\w.-]*' + _ENDS + rb'"\s*:\s*")(?:[^"\\]|\\.)+')
_WORDS = (b"token", b"secret", b"key", b"passw", b"signature", b"credential")
# What follows a scheme or a cookie's name.
_CREDENTIAL = re.compile(rb"(?i)\A([a-z0-9-]+[ \t]+)?.+", re.DOTALL)
_COOKIE = re.compile(rb"([^;=]*=)[^;]*")
# Lines that need no mask come again and again; so many of them, none longer than this, are known at a time.
KNOWN, SHORT = 2048, 256
# Fields of a request that are kept apart and open doors.
CONTROL = frozenset(name for name in REQUEST_CONTROL if _TELLING.search(name))
# Shorter values of a caller's own are words of any page.
SHORTEST = 8


class Redaction:
    """Redacts what passes along one way: `add()` and `line()` take it, and once `finish()` has returned it is redacted.

    Lines that were looked at before, and had nothing to hide, cost a look into one set; what is new is looked through
    together, because one search for each needle costs less than one for each text. `injection` is where the route's
    credential goes; `scrub` returns what hides its secrets as they are now.
    """

    def __init__(self, injection: Injection | None, scrub: Callable[[], Scrub | None]) -> None:
        self._current_scrub = scrub
        self._scrub: Scrub | None = None
        self._field = self._parameter = None
        if injection is not None and not injection.usual:
            self._field = injection.name.lower() if injection.place is Place.FIELD else None
            self._parameter = injection.name if injection.place is Place.QUERY else None
        self._plain: set[bytes] = set()
        self._new: list[bytes] = []  # lines that may turn out to be plain
        self._facts: list[Finished] = []
        self._entries: list[Entry] = []
        self._texts: list[bytes] = []
        self._bodies: list[Entry] = []

    # --- by names
    def add(self, entry: Entry) -> None:
        """Take an entry; what stands behind telling names is masked at once."""
        self.line(entry.fact)
        self._entries.append(entry)
        own = own_values(entry.control, entry.lines) if entry.answer.data and self._has_own(entry) else []
        if not CONTROL.isdisjoint(entry.control):
            entry.control = {
                name: masked_value(name, value) if name in CONTROL else value for name, value in entry.control.items()
            }
        if not self._plain.issuperset(entry.lines):
            entry.lines = self._masked(entry.lines)
        if not self._plain.issuperset(entry.answer_lines):
            entry.answer_lines = self._masked(entry.answer_lines)
        if own:
            entry.answer = without(entry.answer, own)
        if entry.request.data or entry.answer.data:
            self._bodies.append(entry)
            self._texts += (entry.request.data, entry.answer.data)

    def line(self, fact: Finished) -> None:
        """Take what alone is kept of an exchange, likewise."""
        if b"?" in fact.target:
            fact.target = target(fact.target, self._parameter)
        self._facts.append(fact)

    def _has_own(self, entry: Entry) -> bool:
        return not (CONTROL.isdisjoint(entry.control) and self._plain.issuperset(entry.lines))

    def _masked(self, lines: Sequence[bytes]) -> list[bytes]:
        masked = [line if line in self._plain else self._line(line) for line in lines]
        self._texts += masked
        return masked

    def _line(self, line: bytes) -> bytes:
        name, _, value = line.partition(b":")
        if telling(name) or name.lower() == self._field:
            return b"%b: %b\r\n" % (name, masked_value(name.lower(), value.strip()))
        masked = _PARAMETER.sub(rb"\1" + HIDDEN, line) if b"=" in value else line
        if masked == line:
            self._new.append(line)
        return masked

    # --- by needles
    def finish(self) -> None:
        """Hide in what was taken whatever looks like a secret of the credential."""
        facts, entries, texts, new, bodies = self._facts, self._entries, self._texts, self._new, self._bodies
        if not facts:
            return
        self._facts, self._entries, self._texts, self._new, self._bodies = [], [], [], [], []
        scrub = self._current_scrub()
        if scrub is not self._scrub:
            self._scrub = scrub
            self._plain.clear()
            new = []  # and lines that were known are looked through again
            texts += [line for each in entries for lines in (each.lines, each.answer_lines) for line in lines]
        everything = b"\n".join([*{fact.target for fact in facts}, *texts])
        if scrub is not None and scrub.spans(everything):
            new = []
            for fact in facts:
                fact.target = scrub.hide(fact.target)
            for entry in entries:
                hide(entry, scrub)
        if scrub is not None:
            for entry in bodies:
                entry.request, entry.answer = undecided(entry.request, scrub), undecided(entry.answer, scrub)
        low = everything.lower() if bodies else b""
        if any(word in low for word in _WORDS):
            for entry in bodies:
                entry.request, entry.answer = named(entry.request), named(entry.answer)
        self._learn(new)

    def _learn(self, lines: list[bytes]) -> None:
        if len(self._plain) + len(lines) > KNOWN:
            self._plain.clear()
        self._plain.update([line for line in lines[:KNOWN] if len(line) <= SHORT])


@lru_cache(1024)
def telling(name: bytes) -> bool:
    """Return whether a name says that its value opens a door."""
    return _TELLING.search(name) is not None


def masked_value(name: bytes, value: bytes) -> bytes:
    """Return what is shown of a telling field: a scheme, the names of cookies and how a cookie is set."""
    if name == b"cookie":
        return _COOKIE.sub(rb"\1" + HIDDEN, value)
    if name == b"set-cookie":
        first, mark, attributes = value.partition(b";")
        return _COOKIE.sub(rb"\1" + HIDDEN, first) + mark + attributes
    if name in {b"authorization", b"proxy-authorization"}:
        return _CREDENTIAL.sub(lambda match: (match[1] or b"") + HIDDEN, value)
    return HIDDEN


def target(raw: bytes, taken: bytes | None = None) -> bytes:
    """Return a target without the values of telling parameters, and of that which is `taken` for the credential."""
    path, mark, query = raw.partition(b"?")
    if not mark:
        return raw
    query = _PARAMETER.sub(rb"\1" + HIDDEN, query)
    if taken is not None:
        query = re.sub(rb"(?i)((?:\A|[&;])" + re.escape(taken) + rb"=)[^&;]*", rb"\1" + HIDDEN, query)
    return path + mark + query


def own_values(control: Mapping[bytes, bytes], lines: Sequence[bytes]) -> list[bytes]:
    """Return what a caller sent to open doors, to be hidden where an answer repeats it; the longest first."""
    values = [value for name, value in control.items() if telling(name)]
    values += [value.strip() for name, _, value in (line.partition(b":") for line in lines) if telling(name)]
    words = {word for value in values for word in re.split(rb"[\s;]+", value)}
    words |= {word.partition(b"=")[2] for word in words}  # of a cookie
    return sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)


def without(preview: Preview, values: Iterable[bytes]) -> Preview:
    """Return a preview in which these values are hidden."""
    data = preview.data
    for value in values:
        data = data.replace(value, b"*" * len(value))
    return preview if data is preview.data else replace(preview, data=data)


def hide(entry: Entry, scrub: Scrub) -> None:
    """Hide in an entry's fields and bodies what must not be seen."""
    entry.lines, entry.answer_lines = scrub.lines(list(entry.lines)), scrub.lines(list(entry.answer_lines))
    entry.request = replace(entry.request, data=scrub.hide(entry.request.data))
    entry.answer = replace(entry.answer, data=scrub.hide(entry.answer.data))


def undecided(preview: Preview, scrub: Scrub) -> Preview:
    """Return a preview without an end that may be the beginning of a secret, which was cut there."""
    if not preview.cut:
        return preview
    return replace(preview, data=preview.data[: scrub.decided(preview.data)])


def named(preview: Preview) -> Preview:
    """Return a preview without the values of telling members and parameters."""
    if b"\0" in preview.data:
        return preview  # no text
    data = _PARAMETER.sub(rb"\1" + HIDDEN, _MEMBER.sub(rb"\1" + HIDDEN, preview.data))
    return preview if data == preview.data else replace(preview, data=data)
