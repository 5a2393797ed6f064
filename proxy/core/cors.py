"""Pages of other sites: which may send requests, and what their browsers are told (Fetch §3.3)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proxy.core.fields import Control, Lines, name_of, options, value_of
from proxy.core.hosts import split_authority

# Fetch Metadata §2.3: what a browser says of its own pages, and of an address that a person has typed.
OWN_SITE = frozenset((b"same-origin", b"none"))
DEFAULT_PORTS = {b"http": 80, b"https": 443}
# How long a browser may remember a preflight, in seconds: long enough that a page asks once, short enough that a
# change of the configuration is soon known.
MAX_AGE = 600
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
OURS = b"access-control-"
# Fetch §2.2.2: what every page may read, and what none may.
READABLE = frozenset(
    (b"cache-control", b"content-language", b"content-length", b"content-type", b"expires", b"last-modified", b"pragma")
)
FORBIDDEN = frozenset((b"set-cookie", b"set-cookie2"))


def cross_site(control: Mapping[bytes, bytes], own: Collection[bytes], listed: frozenset[bytes]) -> bool:
    """Return whether another site's page asks, as its browser tells (interface.md, "Cross-site").

    `own` are the gateway's origins as this request asked for it, `listed` those that may ask all the same.
    """
    origin = control.get(b"origin")
    if origin is not None:
        if origin in listed:
            return False
        if origin not in own:
            return True
    site = control.get(b"sec-fetch-site")
    return site is not None and site not in OWN_SITE


def origin_of(scheme: bytes, host: bytes) -> bytes:
    """Return the origin of a scheme and a Host value as browsers write it (RFC 6454 §6.2)."""
    name, port = split_authority(host)
    if port in {None, DEFAULT_PORTS.get(scheme)}:
        return b"%b://%b" % (scheme, name)
    return b"%b://%b:%d" % (scheme, name, port)


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins whose pages may send requests and read answers; for all of them the gateway speaks alone."""

    origins: frozenset[bytes]

    def preflight(self, control: Control) -> bool:
        """Return whether a listed page's browser asks what its page may send (Fetch §3.3.1)."""
        return control.get(b"origin") in self.origins and b"access-control-request-method" in control

    def permission(self, control: Control, methods: bytes) -> bytes:
        """Return the head of the answer to a preflight, without its last empty line; `methods` are the route's."""
        lines = [
            b"HTTP/1.1 204 No Content\r\n",
            *allowed(control[b"origin"]),
            b"Access-Control-Allow-Methods: %b\r\n" % methods,
            b"Access-Control-Max-Age: %d\r\n" % MAX_AGE,
            b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n",
        ]
        names = options(control.get(b"access-control-request-headers", b""))
        if names and all(map(TOKEN.fullmatch, names)):
            lines.append(b"Access-Control-Allow-Headers: %b\r\n" % b", ".join(names))
        if control.get(b"access-control-request-private-network") == b"true":
            lines.append(b"Access-Control-Allow-Private-Network: true\r\n")
        return b"".join(lines)

    def answered(self, lines: Lines, origin: bytes | None) -> Lines:
        """Return the field lines of an answer to a page of `origin`, with our CORS fields in place of any other."""
        kept = varied([line for line in lines if not name_of(line).startswith(OURS)])
        if origin not in self.origins or origin is None:
            return kept
        return [*kept, *allowed(origin), exposed(kept)]

    def own(self, head: bytes, origin: bytes | None) -> bytes:
        """Return the head of an answer of our own, likewise."""
        start, *lines = head.splitlines(keepends=True)
        return b"".join((start, *self.answered(lines, origin)))


def allowed(origin: bytes) -> Lines:
    """Return what lets a page of this origin read an answer, also to a request with cookies or a password."""
    return [b"Access-Control-Allow-Origin: %b\r\n" % origin, b"Access-Control-Allow-Credentials: true\r\n"]


def offered(usual: bytes, wanted: bytes) -> bytes:
    """Return the methods to offer where any is forwarded: the usual ones, and what is wanted besides."""
    if not TOKEN.fullmatch(wanted) or wanted in usual.split(b", "):
        return usual
    return b"%b, %b" % (usual, wanted)


def exposed(lines: Lines) -> bytes:
    """Return the field that lets a page read all the others; `*` does not where credentials are allowed."""
    names = {name_of(line) for line in lines} - READABLE - FORBIDDEN
    return b"Access-Control-Expose-Headers: %b\r\n" % b", ".join(sorted(names))


def varied(lines: Lines) -> Lines:
    """Return field lines that tell caches that the answer depends on Origin (RFC 9110 §12.5.5)."""
    at = None
    for index, line in enumerate(lines):
        if name_of(line) == b"vary":
            at = index
            if not {b"*", b"origin"}.isdisjoint(options(value_of(line))):
                return lines
    if at is None:
        return [*lines, b"Vary: Origin\r\n"]
    both = b", ".join(filter(None, (value_of(lines[at]), b"Origin")))
    return [*lines[:at], b"Vary: %b\r\n" % both, *lines[at + 1 :]]
