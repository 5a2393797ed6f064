"""Where a connection stands, after h11: an enum and a table, not a heap of flags."""

from enum import Enum, auto


class Reading(Enum):
    """What becomes of the bytes that a connection receives.

    `parses`: they go to the parser; `inside`: a body is being read. Both are asked for every read, and an attribute
    costs less than looking the member up in a set.
    """

    HEAD = "between messages, or inside a head", True, False
    BODY = "inside a body", True, True
    BYPASS = "inside a body of known length, whose rest needs no parsing", False, True
    TUNNEL = "past an upgrade: bytes go straight on, for good", False, False
    DEAF = "about to end: bytes go nowhere", False, False

    __hash__ = object.__hash__  # members are alone of their kind; Enum's own hash is a call of Python code

    def __init__(self, meaning: str, parses: bool, inside: bool) -> None:  # noqa: FBT001  the columns of a table
        self.meaning = meaning
        self.parses = parses
        self.inside = inside


class Serving(Enum):
    """Where the answer to the current request of a client stands."""

    IDLE = auto()  # no request is being answered
    ASKED = auto()  # a request is being answered, nothing of the answer has been sent
    STARTED = auto()  # the head of the answer has been sent
    CLOSING = auto()  # the last answer has been sent


READING_STEPS: dict[Reading, frozenset[Reading]] = {
    Reading.HEAD: frozenset({Reading.HEAD, Reading.BODY, Reading.TUNNEL, Reading.DEAF}),
    Reading.BODY: frozenset({Reading.HEAD, Reading.BODY, Reading.BYPASS, Reading.DEAF}),
    Reading.BYPASS: frozenset({Reading.HEAD, Reading.DEAF}),
    Reading.TUNNEL: frozenset({Reading.DEAF, Reading.HEAD}),
    Reading.DEAF: frozenset({Reading.DEAF}),
}
