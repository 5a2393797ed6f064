"""How a path is judged: every spelling of it that some origin might take for another (RFC 3986 §6.2.2).

What is forwarded stays byte for byte as it came; only the judgement looks at the plain form.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from proxy.errors import PathDenied

# A path that still changes after so many decodings was made to hide something, or to cost time.
MAX_LAYERS = 8

# Without any of these a path is in its plain form already.
_UNPLAIN = re.compile(rb"[%\\;]|//|/\.|\A[^/]")
# What origins read differently: beside any of these nobody can tell what a dot-dot segment takes away.
_MANIFOLD = re.compile(rb"[%\\;]|//")
_PARAMETERS = re.compile(rb";[^/]*")


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


def decoded(path: bytes) -> bytes:
    """Return the path with its percent-escapes decoded until nothing changes. Raises PathDenied past MAX_LAYERS."""
    for _ in range(MAX_LAYERS):
        once = unquote_to_bytes(path)
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
