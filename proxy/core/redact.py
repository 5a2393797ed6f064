"""What may be shown of a request's target: everything but the values that open doors."""

import re
from urllib.parse import unquote_to_bytes

HIDDEN = b"****"
# Query parameters whose values are secrets or tokens on the platform.
NAMES = frozenset((b"token", b"apikey", b"secretkey"))
# Longer targets are shown by their beginning.
SHOWN = 2048

# A name begins behind a mark alone: tried from each of its bytes, a long one without a value would take seconds.
_PARAMETER = re.compile(rb"(?<![^&;])([^&;=]*)=([^&;]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def target(raw: bytes) -> str:
    """Return a request's target for people to read: secret values hidden, no control characters, of bounded length."""
    if b"?" in raw:
        path, _, query = raw.partition(b"?")
        raw = path + b"?" + _PARAMETER.sub(_hidden, query)
    text = raw[:SHOWN].decode("ascii", "backslashreplace")
    if not text.isprintable():
        text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(raw) <= SHOWN else text + "…"


def _hidden(match: re.Match[bytes]) -> bytes:
    name, value = match.groups()
    return name + b"=" + (HIDDEN if secret_name(name) else value)


def secret_name(name: bytes) -> bool:
    """Return whether a query parameter's name, in whatever spelling, is that of a secret value."""
    # Twice, because an origin behind another gateway may decode twice.
    plain = unquote_to_bytes(unquote_to_bytes(name)).strip(b" +\t").lower()
    return plain in NAMES
