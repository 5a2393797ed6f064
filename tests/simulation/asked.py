"""A request, and what has become of it on either side."""

from dataclasses import dataclass, field

from tests.simulation.scenario import Plan


@dataclass(slots=True)
class Arrival:
    """A request as it came to the origin: which token it had, and whether that was live.

    `refused` says that it was answered as with a dead token, `answered` that the head of an answer was sent, at
    the time `began`, `whole` that all of it was. `body` is whether the request's body was the very one that was sent;
    None before its end. `hidden` says that a client must not see this refusal, if the request can be replayed.
    """

    at: float
    token: str
    live: bool
    wrong: str = ""
    status: int = 0
    refused: bool = False
    answered: bool = False
    began: float = 0.0
    whole: bool = False
    body: bool | None = None
    payload: bytes = b""
    hidden: bool = False


@dataclass(slots=True)
class Answer:
    """An answer as the client got it; not `whole` when the connection ended inside; `code` is the gateway's own."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes = b""
    whole: bool = False
    code: str = ""

    @property
    def own(self) -> bool:
        """Whether the gateway made it itself."""
        return b"error=" in self.fields.get(b"proxy-status", b"")


@dataclass(slots=True)
class Asked:
    """A request under way: `sent` and `ended` are its client's times, `decided` the gateway's.

    `left` says that its client went before the end, `lost` how the connection ended where no answer came.
    """

    plan: Plan
    sent: float = 0.0
    decided: float = 0.0
    ended: float = 0.0
    followed: bool = False  # others were sent right behind it
    left: bool = False
    gateway: int = 0  # the number of the one that was asked
    on: list[set[str]] = field(default_factory=list)  # for each connection to the origin, what has been done to it
    lost: str = ""
    reasons: set[str] = field(default_factory=set)  # what has gone wrong with it
    arrivals: list[Arrival] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def trouble(self) -> set[str]:
        """What has been done to the connections that it was sent on."""
        return set().union(*self.on)

    @property
    def body(self) -> bytes:
        """The request's body: no two are alike."""
        return pattern(self.plan.number, self.plan.size)


def pattern(number: int, size: int) -> bytes:
    """Return that many bytes that belong to a number."""
    piece = b"%d." % number
    return (piece * (size // len(piece) + 1))[:size]
