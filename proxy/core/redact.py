"""What may be shown of a request's target: everything but the values that open doors."""

import re
from urllib.parse import unquote_to_bytes

HIDDEN = b"****"
# Query parameters whose values are secrets or tokens on the platform, and to OAuth (RFC 6750 §2.3).
NAMES = frozenset((b"token", b"apikey", b"secretkey", b"access_token"))
# Longer targets are shown by their beginning.
SHOWN = 2048

# A name begins behind a mark alone: tried from each of its bytes, a long one without a value would take seconds.
_PARAMETER = re.compile(rb"(?<![^&;])([^&;=]*)=([^&;]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def target(raw: bytes, names: frozenset[bytes] = NAMES) -> str:
    """Return a request's target for people to read: secret values hidden, no control characters, of bounded length.

    `names` are those of the parameters that carry them, in lower case.
    """
    if b"?" in raw:
        path, _, query = raw.partition(b"?")
        raw = path + b"?" + _PARAMETER.sub(lambda match: _hidden(match, names), query)
    text = raw[:SHOWN].decode("ascii", "backslashreplace")
    if not text.isprintable():
        text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(raw) <= SHOWN else text + "…"


def _hidden(match: re.Match[bytes], names: frozenset[bytes]) -> bytes:
    name, value = match.groups()
    # Whatever its spelling; twice, because an origin behind another gateway may decode twice.
    plain = unquote_to_bytes(unquote_to_bytes(name)).strip(b" +\t").lower()
    return name + b"=" + (HIDDEN if plain in names else value)
