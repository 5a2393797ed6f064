"""Entries made by hand."""

from collections.abc import Mapping, Sequence

from proxy.core.events import Finished
from proxy.core.injection import Injection
from proxy.inspector.entry import Entry, Preview


def entry(  # noqa: PLR0913  each is what some test is about
    target: bytes = b"/",
    *,
    number: int = 1,
    method: str = "GET",
    lines: Sequence[bytes] = (),
    control: Mapping[bytes, bytes] | None = None,
    body: bytes = b"",
    answer: bytes = b"",
    answer_lines: Sequence[bytes] = (),
) -> Entry:
    """Return an entry of a route with a token."""
    fact = Finished("/", method, target, "127.0.0.1", "id", 200, attempts=1, credential="main")
    made = Entry(number, 1.0, 0.01, fact, control or {b"host": b"gateway:8080"}, b"gateway:8080", list(lines))
    made.request, made.answer, made.answer_lines = Preview(body), Preview(answer), list(answer_lines)
    made.injection = Injection()
    return made
