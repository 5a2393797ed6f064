"""Where a connection stands, after h11: an enum and a table, not a heap of flags."""

from enum import Enum, auto


class Reading(Enum):
    """What becomes of the bytes that a connection receives."""

    HEAD = auto()  # to the parser: between messages, or inside a head
    BODY = auto()  # to the parser: inside a body
    BYPASS = auto()  # straight on: the rest of a body of known length, which needs no parsing
    TUNNEL = auto()  # straight on, for good: the connection was upgraded
    DEAF = auto()  # nowhere: the connection is about to end


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
