"""Where a connection stands, after h11: an enum and a table, not a heap of flags."""

from enum import Enum, auto


class Reading(Enum):
    """What becomes of the bytes that a connection receives.

    `inside`: a body is being read. It is asked for every read, and an attribute costs less than a look into a set.
    """

    HEAD = "between messages, or inside a head", False
    PARSED = "inside a body that llhttp takes the framing off", True
    COUNTED = "inside a body of known length, which needs no parsing", True
    CHUNKS = "inside a chunked body of a request", True
    DEAF = "about to end: bytes go nowhere", False

    __hash__ = object.__hash__  # members are alone of their kind; Enum's own hash is a call of Python code

    def __init__(self, meaning: str, inside: bool) -> None:  # noqa: FBT001  the columns of a table
        self.meaning = meaning
        self.inside = inside


class Serving(Enum):
    """Where the answer to the current request of a client stands."""

    IDLE = auto()  # no request is being answered
    ASKED = auto()  # a request is being answered, nothing of the answer has been sent
    STARTED = auto()  # the head of the answer has been sent
    CLOSING = auto()  # the last answer has been sent


READING_STEPS: dict[Reading, frozenset[Reading]] = {
    Reading.HEAD: frozenset({Reading.HEAD, Reading.PARSED, Reading.COUNTED, Reading.CHUNKS, Reading.DEAF}),
    Reading.PARSED: frozenset({Reading.HEAD, Reading.COUNTED, Reading.DEAF}),
    Reading.COUNTED: frozenset({Reading.HEAD, Reading.DEAF}),
    Reading.CHUNKS: frozenset({Reading.HEAD, Reading.DEAF}),
    Reading.DEAF: frozenset({Reading.DEAF}),
}
