"""Events as lines of JSON, and what no line may hold: whatever a value says, it stays one line of its own."""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

# Longer texts in a log line say nothing more.
MAX_TEXT = 1024

# Left alone, orjson would write out every field of a dataclass, a token's among them.
AS_SHOWN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_APPEND_NEWLINE

# Controls of C0 and C1, the ends of lines and paragraphs, and what turns the direction of writing: a terminal obeys
# them, and many a reader of lines ends one there (Unicode §5.8, UAX #9).
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_line(fact: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON, with its end."""
    try:
        # As text: orjson's bytes keep the room of the buffer that they were written in, three times their own.
        line = orjson.dumps(fact, default=shown, option=AS_SHOWN).decode()
    except TypeError:  # a text that is no Unicode, such as a file's name in another coding; a key that is no text
        return json.dumps(fact, default=shown) + "\n"
    return line if line.isascii() else UNSHOWN.sub(escaped, line[:-1]) + "\n"


def plain(text: str) -> str:
    """Return a text for a line that people read, with what no line may hold as escapes."""
    return text if text.isascii() and text.isprintable() else UNSHOWN.sub(escaped, text)


def escaped(match: re.Match[str]) -> str:
    """Return a character as JSON and Python escape it."""
    return f"\\u{ord(match[0]):04x}"


def shown(value: object) -> str:
    """Return how a value that JSON does not know is shown: secrets and tokens have no readable form."""
    return str(value)[:MAX_TEXT]
