"""The search for a secret in whatever form it may have come out; it shares no code with what hides secrets."""

import base64
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote_to_bytes

# Base64 of a text that begins so many bytes into a group of three shares so many digits with what stands before it.
ALIGNMENTS = ((0, 0), (1, 2), (2, 3))
# Escapes upon escapes are taken off so often.
LAYERS = 4

_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))", re.DOTALL)


def plain(text: bytes) -> bytes:
    """Return a text without escapes (of URLs, JSON, Python and pages) and in lower case, however many lie upon it."""
    for _ in range(LAYERS):
        once = html.unescape(_ESCAPE.sub(_unescaped, unquote_to_bytes(text).decode("latin-1").lower()))
        bare = once.encode("latin-1", "replace")
        if bare == text:
            break
        text = bare
    return text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else match[3]


def octets(text: str) -> bytes:
    """Return a text as bytes: those that it stands for where it was none, and half a character as it is."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def forms(canary: str) -> Iterator[bytes]:
    """Yield what stands for a secret in a plain text: itself, its hexadecimal digits, base64 at every alignment."""
    raw = octets(canary)
    yield plain(raw)
    for each in {raw, quote(raw, safe="").encode()}:  # a query holds it so, and is encoded as a whole
        yield each.hex().encode()
        for before, shared in ALIGNMENTS:
            digits = base64.b64encode(bytes(before) + each)[shared : (before + len(each)) * 8 // 6]
            yield from {digits.lower(), digits.translate(bytes.maketrans(b"+/", b"-_")).lower()}


def halves(canary: str) -> tuple[str, str]:
    """Return both halves of a secret: half of it is as bad as all of it."""
    middle = len(canary) // 2
    return canary[:middle], canary[middle:]


class Search:
    """A search for secrets; those that are known already are looked for once."""

    def __init__(self, canaries: Iterable[str]) -> None:
        self._forms = {form: canary for canary in canaries for form in forms(canary)}

    def hits(self, text: bytes) -> list[str]:
        """Return the secrets that a text tells, in the order of their names."""
        looked_at = (text.lower(), plain(text))
        return sorted({canary for form, canary in self._forms.items() if any(form in each for each in looked_at)})
