"""What an answer says of its origin, as it has to read at the gateway (interface.md, "Redirects and cookies")."""

import re
from dataclasses import dataclass

from proxy.core.fields import Lines, name_of
from proxy.core.injection import without_parameter
from proxy.core.paths import joined

# RFC 3986 §4.2: a URL with a scheme, or one that begins with the authority.
WITH_AUTHORITY = re.compile(rb"(?:https?:)?//([^/?#]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
# A path that reads as an authority; browsers take `\` for `/` and leave tabs out (WHATWG URL, "basic URL parser").
LIKE_AUTHORITY = re.compile(rb"/\t*[/\\]")
# What every browser reads: `5; url=…`, quoted or not.
REFRESH = re.compile(rb"[0-9.]*\s*[;,]\s*url\s*=\s*[\"']?", re.IGNORECASE)
LINK = re.compile(rb"<([^<>]*)>")
WEB_PORTS = frozenset((80, 443))
# Names that promise what a cookie without Secure, or with another Path, would break (RFC 6265bis §4.1.3), in any case.
HOST_PROMISE = b"__host-"
PROMISES = (HOST_PROMISE, b"__secure-")


@dataclass(frozen=True, slots=True)
class Referral:
    """The way back of one route: `base` is what the origin's paths begin with, `prefix` what the gateway's do instead.

    `parameter` is the name of an injected query parameter, which must not come back.
    """

    host: bytes
    port: int
    base: bytes = b""
    prefix: bytes = b""
    parameter: bytes | None = None

    def lines(self, lines: Lines, host: bytes, scheme: bytes = b"http", target: bytes = b"/") -> Lines:
        """Return an answer's field lines as a client has to read them that asks this host for this target.

        Where it named none, `host` is empty.
        """
        gateway = b"%b://%b" % (scheme, host) if host else b""
        # Without a last segment in it a cookie's own path would be that above the route (RFC 6265 §5.1.4).
        above = bool(self.prefix) and target.partition(b"?")[0] == self.prefix
        return [self._line(line, gateway, secure=scheme == b"https", above=above) for line in lines]

    def _line(self, line: bytes, gateway: bytes, *, secure: bool, above: bool) -> bytes:
        field, _, value = line.partition(b":")
        value = value.strip()
        match name_of(line):
            case b"location" | b"content-location":
                changed = self.url(value, gateway)
            case b"refresh":
                changed = self.refresh(value, gateway)
            case b"link":
                changed = LINK.sub(lambda m: b"<%b>" % self.url(m[1], gateway), value)
            case b"set-cookie":
                changed = self.cookie(value, secure=secure, above=above)
            case _:
                return line
        return line if changed == value else b"%b: %b\r\n" % (field, changed)

    def refresh(self, value: bytes, gateway: bytes) -> bytes:
        """Return a Refresh value whose URL names the gateway."""
        begin = REFRESH.match(value)
        if begin is None:
            return value
        quote = begin[0][-1:] if begin[0].endswith((b'"', b"'")) else b""
        url = value[begin.end() :]
        tail = quote if quote and url.endswith(quote) else b""
        return begin[0] + self.url(url.removesuffix(tail), gateway) + tail

    def url(self, url: bytes, gateway: bytes) -> bytes:
        """Return a URL that names the origin as one that begins with `gateway`, scheme and host; any other as it is."""
        if self.parameter is not None:
            url = without_parameter(url, self.parameter)
        absolute = WITH_AUTHORITY.fullmatch(url)
        if absolute:
            path = self.path(absolute[2] or b"/") if self._is_origin(absolute[1]) else None
            if path is None:
                return url
            return (gateway or dot(path)) + path + absolute[3]
        end = min((at for at in (url.find(b"?"), url.find(b"#")) if at >= 0), default=len(url))
        path = self.path(url[:end]) if url.startswith(b"/") else None
        return url if path is None else dot(path) + path + url[end:]

    def _is_origin(self, authority: bytes) -> bool:
        name, colon, port = authority.lower().rpartition(b":")
        if not colon or not port.isdigit():
            # Behind a load balancer that speaks TLS an origin may call itself http: the host alone tells.
            return authority.lower().rstrip(b":") == self.host and self.port in WEB_PORTS
        return name == self.host and port.lstrip(b"0") == b"%d" % self.port

    def path(self, path: bytes) -> bytes | None:
        """Return the gateway's path for a path of the origin, or None where the route leads to no such path."""
        if not (path == self.base or path.startswith(self.base + b"/")):
            return None
        rest = path[len(self.base) :] or b"/"
        return joined(self.prefix, rest) if self.prefix else rest

    def cookie(self, value: bytes, *, secure: bool = False, above: bool = False) -> bytes:
        """Return a Set-Cookie value that a client at the gateway, over TLS or not, keeps and sends back.

        `above`: without a path of its own it would belong to more than the route.
        """
        pair, *attributes = value.split(b";")
        if pair.strip().lower().startswith(HOST_PROMISE if secure else PROMISES):
            return value
        if above and not any(attribute.strip().lower().startswith(b"path=") for attribute in attributes):
            attributes.append(b" Path=" + self.base)
        kept = (self._attribute(attribute, secure=secure) for attribute in attributes)
        return b";".join([pair, *(attribute for attribute in kept if attribute is not None)])

    def _attribute(self, attribute: bytes, *, secure: bool) -> bytes | None:
        name, _, value = attribute.strip().partition(b"=")
        match name.strip().lower():
            case b"domain":
                return None
            case b"secure" if not secure:
                return None
            case b"samesite" if not secure and value.strip().lower() == b"none":
                return b" SameSite=Lax"  # RFC 6265bis §5.7: None is taken with Secure alone
            case b"path" if self.base or self.prefix:
                return b" Path=" + self._scope(value.strip())
        return attribute

    def _scope(self, path: bytes) -> bytes:
        """Return the path at the gateway to which a cookie for the origin's `path` belongs."""
        found = self.path(path) or b"/"
        # `/prefix/` would not be sent to `/prefix` (RFC 6265 §5.1.4).
        return found if found not in {b"/", self.prefix + b"/"} else self.prefix or b"/"


def dot(path: bytes) -> bytes:
    """Return what has to stand before a path so that it does not read as an authority (RFC 3986 §4.2)."""
    return b"/." if LIKE_AUTHORITY.match(path) else b""
