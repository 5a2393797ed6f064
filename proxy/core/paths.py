"""How a path is judged: every spelling of it that some origin might take for another (RFC 3986 §6.2.2).

What is forwarded stays byte for byte as it came; only the judgement looks at the plain form.
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from proxy.errors import PathDenied

# A path that still changes after so many decodings was made to hide something, or to cost time.
MAX_LAYERS = 8

# Without any of these a path is in its plain form already.
_UNPLAIN = re.compile(rb"[%\\;]|//|/\.|\A[^/]")
# What origins read differently: beside any of these nobody can tell what a dot-dot segment takes away.
_MANIFOLD = re.compile(rb"[%\\;]|//")
_PARAMETERS = re.compile(rb";[^/]*")
# `%u0041`, which IIS decodes as well.
_PERCENT_U = re.compile(rb"%u([0-9a-f]{4})", re.IGNORECASE)
# What origins may take off the end of a segment: Windows spaces and dots; `$` of a regular expression, with which
# Starlette, Django and nginx compare, a line feed; C a NUL. A decoded `?` or `#` ends the path where it is parsed anew.
_LOOSE_END = re.compile(rb"[\x00-\x20\x7f.]+(?=[/?#]|\Z)|[?#].*", re.DOTALL)


def plain(path: bytes) -> bytes:
    r"""Return the path as a lenient origin may read it.

    Percent-escapes are decoded until stable, `\` stands for `/`, `;parameters` are dropped, dot segments and doubled
    slashes resolved. Case is kept. Escapes that are malformed stay as they are. Raises PathDenied past MAX_LAYERS, and
    for a dot-dot segment in a path that origins read differently (`/a//../b`, `/a/%252e/../b`, `/a/b\\../c`).
    """
    if not _UNPLAIN.search(path):
        return path
    manifold = bool(_MANIFOLD.search(path))
    path = _PARAMETERS.sub(b"", decoded(path).replace(b"\\", b"/"))
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            if manifold:
                raise PathDenied
            if segments:
                segments.pop()
        elif segment not in {b"", b"."}:
            segments.append(segment)
    slash = b"/" if segments and path.endswith((b"/", b"/.", b"/..")) else b""
    return b"/" + b"/".join(segments) + slash


def forms(path: bytes) -> Iterable[bytes]:
    """Return the plain forms of a path: there are several where it counts how soon an origin drops parameters.

    `/a;%2Fx/b` is `/a/b` to Tomcat, which drops them before it decodes, and `/a/x/b` to others. Raises PathDenied.
    """
    found = {plain(path)}
    if b"%" in path and b";" in decoded(path):
        while (once := _unescaped(path)) != path:
            found.add(plain(_PARAMETERS.sub(b"", path)))
            path = once
    return found


def loose(path: bytes) -> bytes:
    """Return a plain form as the most lenient origin may read it: what it takes off segments is off, case is folded.

    Lower case will do within ASCII. Beyond it there are letters that are taken for others there (`\u017f` for `s`,
    `\u212a` for `k`, `\u0131` for `i`) by one of the ways to compare without regard to case.
    """
    path = _LOOSE_END.sub(b"", path)
    if path.isascii():
        return path.lower()
    text = path.decode("utf-8", "surrogateescape").upper().casefold()
    return text.replace("\u0307", "").encode("utf-8", "surrogateescape")  # what is left of a capital i with a dot


def _unescaped(path: bytes) -> bytes:
    once = unquote_to_bytes(path)
    return _PERCENT_U.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "surrogatepass"), once)


def decoded(path: bytes) -> bytes:
    """Return the path with its percent-escapes decoded until nothing changes. Raises PathDenied past MAX_LAYERS."""
    for _ in range(MAX_LAYERS):
        once = _unescaped(path)
        if once == path:
            return path
        path = once
    raise PathDenied


def prefixes(paths: Sequence[bytes]) -> re.Pattern[bytes] | None:
    """Return a pattern for what lies at or below any of the paths, by whole segments and without regard to case.

    It is for plain forms; None for no paths.
    """
    if not paths:
        return None
    return re.compile(rb"(?:%b)(?:/|\Z)" % b"|".join(re.escape(path.rstrip(b"/")) for path in paths), re.IGNORECASE)


def joined(base: bytes, path: bytes) -> bytes:
    """Return base path and path (or target), joined with exactly one slash; `base` has none at its end."""
    return base + path if path.startswith(b"/") else base + b"/" + path
