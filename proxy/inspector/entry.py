"""What is kept of an exchange: redacted, and bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from proxy.core.events import Finished
from proxy.core.injection import Injection

# What the objects of an entry take beside their texts, and what a field line takes beside its own, in bytes.
OVERHEAD, OF_LINE = 1536, 48
# The same of an exchange of which its line alone is kept.
OF_SHED = 768


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an exchange's time: "token" or "connect"; seconds from the beginning of the exchange."""

    what: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that refused the token, `at` so many seconds from the beginning of the exchange."""

    status: int
    at: float


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a body without its content coding; `cut` says that there was more.

    `fault` says why there is none, "" where there is.
    """

    data: bytes = b""
    cut: bool = False
    fault: str = ""


NOTHING = Preview()
GIVEN_UP = Preview(cut=True, fault="not kept: too much passed at that time")
NO_CONTROL: Mapping[bytes, bytes] = MappingProxyType({})


@dataclass(slots=True)
class Entry:
    """One exchange. `at` is when it began, on the wall clock; it `took` so many seconds.

    `fact` is what the observers were told, its target redacted. `lines` and `control` are the request's fields,
    `answer_lines` and `framing` those of the answer; `injection` says where the gateway put a token, None where it put
    none. `absolute`: the client took the gateway for a proxy to `host`. `answered` is when the answer began, in seconds
    from the beginning, None where none has or nobody noted it. `detail` is what the gateway's own answer said, `login`
    why this exchange caused a login. `shed` says that too much passed when it began to keep more than its line.
    """

    number: int
    at: float
    took: float
    fact: Finished
    control: Mapping[bytes, bytes]
    host: bytes = b""
    lines: Sequence[bytes] = ()
    http10: bool = False
    scheme: bytes = b"http"
    absolute: bool = False
    request: Preview = NOTHING
    injection: Injection | None = None
    reason: bytes = b""
    answer_lines: Sequence[bytes] = ()
    framing: bytes = b""
    answer: Preview = NOTHING
    answered: float | None = None
    spans: tuple[Span, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    login: str | None = None
    detail: str = ""
    shed: bool = False

    @property
    def request_head(self) -> bytes:
        """The request's field lines."""
        return b"".join([*(b"%b: %b\r\n" % (name.title(), value) for name, value in self.control.items()), *self.lines])

    @property
    def answer_head(self) -> bytes:
        """The answer's field lines."""
        return b"".join(self.answer_lines) + self.framing

    @property
    def size(self) -> int:
        """How much memory it takes, in bytes, near enough."""
        lines, answer_lines = self.lines, self.answer_lines
        texts = sum(map(len, lines)) + sum(map(len, answer_lines)) + len(self.request.data) + len(self.answer.data)
        return OVERHEAD + OF_LINE * (len(lines) + len(answer_lines)) + len(self.fact.target) + texts


@dataclass(slots=True)
class Shed:
    """What is kept of one exchange among too many: its line in the list."""

    number: int
    at: float
    took: float
    fact: Finished
    host: bytes

    @property
    def size(self) -> int:
        """How much memory it takes, in bytes, near enough."""
        return OF_SHED + len(self.fact.target)

    def entry(self) -> Entry:
        """Return it as an entry, which says what is missing."""
        fact = self.fact
        entry = Entry(self.number, self.at, self.took, fact, NO_CONTROL, self.host, shed=True)
        entry.request, entry.answer = GIVEN_UP if fact.received else NOTHING, GIVEN_UP if fact.sent else NOTHING
        return entry
