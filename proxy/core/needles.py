"""What a secret may look like in an answer: as it is, and as URLs, JSON, HTML and base64 carry it."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote_from_bytes

from proxy.core.secret import Secret, octets

# In bytes. What is shorter may be a word of any page, and hiding it would spoil the page and tell the secret.
SHORTEST = 6
# Given like secrets, but the names of those who have them (RFC 6749 §2.2, RFC 7617 §2): pages are full of them.
NAMES = frozenset(("username", "client_id"))

# What encoders leave as it is, beside letters, digits and `_.-~`: that of forms, that of paths, JavaScript's, and what
# RFC 3986 §3.3 lets stand in a path.
_LEFT_IN_URLS = ("", "/", "!'()*", "!$&'()*+,/:;=@")
# What encoders write as \u00xx: the plain ones nothing, those that write for HTML (Go, Rails), .NET.
_ESCAPED_IN_JSON = ("", "<>&", "<>&'+`\"")
_TO_ESCAPE_IN_JSON = re.compile(r"[^A-Za-z0-9_.~-]")
_PERCENT = re.compile(rb"%[0-9A-F]{2}")
_BACKSLASH_U = re.compile(r"\\u[0-9a-f]{4}")
# Base64 begins anew every three bytes. Behind so many bytes of something else, so many digits are not the secret's own.
_SHARED_DIGITS = (0, 2, 3)


def hidden(place: str) -> bool:
    """Return whether the secret at a place, such as `login.basic.username`, is to be hidden: names are not."""
    return place.rpartition(".")[2] not in NAMES


def too_short(secret: Secret) -> bool:
    """Return whether a secret is too short to be looked for."""
    return len(octets(secret.reveal())) < SHORTEST


def needles(secrets: Iterable[Secret]) -> frozenset[bytes]:
    """Return whatever stands for one of these secrets, save those that are too short."""
    return frozenset(form for secret in secrets if not too_short(secret) for form in forms(secret.reveal()))


def forms(text: str) -> Iterator[bytes]:
    """Yield what a text may look like, be it copied from where it was given or from the query that it was put into."""
    given = octets(text)
    for raw in (given, quote_from_bytes(given, "").encode()):
        for each in (raw, *in_base64(raw)):
            yield each
            yield from in_url(each)
    yield from map(octets, in_json(text))
    yield from map(octets, in_html(text))


def in_url(raw: bytes) -> Iterator[bytes]:
    """Yield a text as URLs and forms carry it: %2F, %2f, a space as %20 or +."""
    for left in _LEFT_IN_URLS:
        escaped = quote_from_bytes(raw, left).encode()
        for each in (escaped, escaped.replace(b"~", b"%7E")):
            for spaced in (each, each.replace(b"%20", b"+")):
                yield spaced
                yield _PERCENT.sub(lambda match: match[0].lower(), spaced)


def in_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the digits that stand for a text wherever it lies within a longer one, in both alphabets (RFC 4648 §5).

    A digit at either end that the text shares with its neighbours is not among them.
    """
    for before, shared in enumerate(_SHARED_DIGITS):
        digits = base64.b64encode(bytes(before) + raw)[shared : (before + len(raw)) * 8 // 6]
        yield digits
        yield digits.translate(bytes.maketrans(b"+/", b"-_"))


def in_json(text: str) -> Iterator[str]:
    r"""Yield a text as it stands within a JSON string: \u00e9, \u00E9 or é, `\/` or `/`."""
    for marks in _ESCAPED_IN_JSON:
        for ascii_alone in (False, True):
            lower = _json(text, marks, ascii_alone=ascii_alone)
            for each in (lower, _BACKSLASH_U.sub(lambda match: r"\u" + match[0][2:].upper(), lower)):
                yield each
                yield each.replace("/", r"\/")


def _json(text: str, marks: str, *, ascii_alone: bool) -> str:
    def escaped(match: re.Match[str]) -> str:
        if match[0] in marks:
            return rf"\u{ord(match[0]):04x}"
        return json.dumps(match[0], ensure_ascii=ascii_alone)[1:-1]

    return _TO_ESCAPE_IN_JSON.sub(escaped, text)


def in_html(text: str) -> Iterator[str]:
    """Yield a text as it stands in a page."""
    yield html.escape(text, quote=False)
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
