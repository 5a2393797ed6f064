"""What may be shown: of a request's target all but the values that open doors, of a defect where it is."""

import re
import traceback
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from urllib.parse import unquote_to_bytes

HIDDEN = b"****"
# Query parameters whose values open doors, folded: the platform's own, and what callers and other platforms put there.
NAMES = frozenset(
    b"token accesstoken refreshtoken idtoken apikey xapikey secretkey key clientkey xproxykey secret clientsecret "
    b"password authorization signature sig xamzsignature xamzsecuritytoken".split()
)
# Longer targets are shown by their beginning.
SHOWN = 2048
# How many of the places that lead to a defect are shown: those nearest to it.
PLACES = 6

# A name begins behind a mark alone: tried from each of its bytes, a long one without a value would take seconds.
_PARAMETER = re.compile(rb"(?<![^&;])([^&;=]*)=([^&;]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def target(raw: bytes, names: AbstractSet[bytes] = NAMES) -> str:
    """Return a request's target for people to read: no control characters, of bounded length, secret values hidden.

    They are those of the parameters with these names, which are folded.
    """
    if b"?" in raw:
        path, _, query = raw.partition(b"?")
        raw = path + b"?" + _PARAMETER.sub(lambda match: _hidden(match, names), query)
    text = raw[:SHOWN].decode("ascii", "backslashreplace")
    if not text.isprintable():
        text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(raw) <= SHOWN else text + "…"


def _hidden(match: re.Match[bytes], names: AbstractSet[bytes]) -> bytes:
    name, value = match.groups()
    return name + b"=" + (HIDDEN if secret_name(name, names) else value)


def secret_name(name: bytes, names: AbstractSet[bytes] = NAMES) -> bool:
    """Return whether a query parameter's name, in whatever spelling, is one of these."""
    # Twice, because an origin behind another gateway may decode twice.
    return folded(unquote_to_bytes(unquote_to_bytes(name))) in names


def folded(name: bytes) -> bytes:
    """Return the name of a parameter as it is compared: `X-Api_Key` is `xapikey`."""
    return name.strip(b" +\t").lower().translate(None, b"-_")


def defect(error: BaseException) -> str:
    """Return the kind of an exception that nobody expected, and the way to it; its own text may quote a secret."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames[-PLACES:]]
    return " ".join((type(error).__name__, *(["at", " > ".join(places)] if places else [])))
