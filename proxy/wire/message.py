"""Heads: what a request and an answer say before their bodies, and how those are delimited (RFC 9112 §6)."""

import re
from dataclasses import dataclass, field

from proxy.core.fields import Control, Lines, nominated, options, without
from proxy.errors import (
    BadRequest,
    BadUpstream,
    GatewayError,
    MethodNotAllowed,
    NotImplementedHere,
    VersionNotSupported,
)
from proxy.wire.body import CHUNKED, CLOSE, EMPTY, LENGTH, Body

# RFC 3986 §3.2.2 host and port, as far as a Host field may carry them; an empty host is allowed (RFC 9110 §7.2).
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]*)(:[0-9]*)?")
ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
GOOD_HOSTS: set[bytes] = set()
REMEMBERED = 64
# RFC 9110 §9.3.8 TRACE reflects fields, the credential among them; CONNECT would choose an origin.
NEVER_FORWARDED = frozenset((b"TRACE", b"CONNECT"))


@dataclass(slots=True)
class Request:
    """A request under way. `lines` are the fields that may cross, `control` those that the gateway writes anew.

    `keep` says whether the client's connection may take another request after it. `broken` is set when its body
    turns out malformed, or does not come in time; `host` is the authority that was asked for.
    """

    method: bytes
    target: bytes
    host: bytes
    http10: bool
    keep: bool
    lines: Lines
    control: Control
    body: Body
    framing: bytes = b""
    broken: GatewayError | None = None


@dataclass(slots=True)
class Answer:
    """An answer under way. `keep` says whether the origin's connection may be used again after it."""

    status: int
    reason: bytes
    http10: bool
    keep: bool
    lines: Lines
    control: Control
    body: Body
    framing: bytes = b""
    head: bytes = field(default=b"", repr=False)


def read_request(method: bytes, url: bytes, version: str, lines: Lines, control: Control, *, keep: bool) -> Request:
    """Turn a parsed head into a request, refusing what is ambiguous. Raises BadRequest, MethodNotAllowed."""
    http10 = version == "1.0"
    if not http10 and version != "1.1":
        raise VersionNotSupported
    if method in NEVER_FORWARDED:
        raise MethodNotAllowed
    target, authority = read_target(url, method)
    host = control.get(b"host")
    if host is None and not http10:
        raise BadRequest("The request has no Host field (RFC 9112 section 3.2).")
    if host is not None and host not in GOOD_HOSTS and not good_host(host):
        raise BadRequest("The request's Host field is malformed, or there is more than one (RFC 9112 section 3.2).")
    body = request_body(control, http10=http10)
    if len(control) > 1:
        lines = without(lines, nominated(control))
    # RFC 9112 §3.2.2: an absolute target says more than the Host field.
    request = Request(method, target, authority or host or b"", http10, keep, lines, control, body)
    if body.framing is LENGTH or b"content-length" in control:
        request.framing = b"Content-Length: %d\r\n" % body.length
    elif body.framing is CHUNKED:
        request.framing = b"Transfer-Encoding: chunked\r\n"
    return request


def good_host(host: bytes) -> bool:
    """Return whether a Host is well-formed, and remember the first that are: they come again with each request."""
    good = HOST.fullmatch(host) is not None
    if good and len(GOOD_HOSTS) < REMEMBERED:
        GOOD_HOSTS.add(host)
    return good


def read_target(url: bytes, method: bytes) -> tuple[bytes, bytes]:
    """Return the target in origin-form (RFC 9112 §3.2), byte for byte as it came, and its authority if it had one.

    Raises BadRequest.
    """
    if b"#" not in url:
        if url.startswith(b"/") or (url == b"*" and method == b"OPTIONS"):
            return url, b""
        absolute = ABSOLUTE.fullmatch(url)
        if absolute and absolute[1] and HOST.fullmatch(absolute[1]):
            authority, path = absolute.groups()
            return (path if path.startswith(b"/") else b"/" + path), authority
    raise BadRequest("The request's target is malformed (RFC 9112 section 3.2).")


def request_body(control: Control, *, http10: bool) -> Body:
    """Return the still empty body of a request (RFC 9112 §6.3). Raises BadRequest."""
    coding, length = control.get(b"transfer-encoding"), control.get(b"content-length")
    if coding is not None:
        # RFC 9112 §6.1: a server ought to refuse TE beside CL, and TE from HTTP/1.0; both are smuggling attempts.
        if http10 or length is not None:
            raise BadRequest("Transfer-Encoding stands beside Content-Length or in HTTP/1.0 (RFC 9112 section 6.1).")
        if options(coding) != [b"chunked"]:
            raise NotImplementedHere
        return Body(CHUNKED)
    if length is None:
        return EMPTY
    size = read_length(length)
    if size is None:
        raise BadRequest("The request's Content-Length is malformed (RFC 9112 section 6.3).")
    return Body(LENGTH, size) if size else EMPTY


def read_length(value: bytes) -> int | None:
    """Return a Content-Length (RFC 9110 §8.6: digits alone), or None for anything else."""
    # 18 digits hold any real body and never overflow the parser's 64 bits.
    return int(value) if value.isdigit() and len(value) <= 18 else None  # noqa: PLR2004  said above


def read_answer(
    status: int, reason: bytes, version: str, lines: Lines, control: Control, *, asked: bytes, keep: bool
) -> Answer:
    """Turn a parsed head into an answer to a request of the method `asked`. Raises BadUpstream."""
    if version not in {"1.1", "1.0"}:
        raise BadUpstream(cause=f"HTTP version {version}")
    http10 = version == "1.0"
    body, framing = answer_body(status, control, asked=asked)
    if control:
        lines = without(lines, nominated(control))
    keep = keep and body.framing is not CLOSE
    return Answer(status, reason, http10, keep, lines, control, body, framing)


def answer_body(status: int, control: Control, *, asked: bytes) -> tuple[Body, bytes]:
    """Return the still empty body of an answer and the Content-Length line to send, if any (RFC 9112 §6.3)."""
    coding, value = control.get(b"transfer-encoding"), control.get(b"content-length")
    length = None if value is None else read_length(value)
    if value is not None and length is None:
        raise BadUpstream(cause="malformed Content-Length")
    if coding is not None and (length is not None or options(coding) != [b"chunked"]):
        raise BadUpstream(cause="ambiguous Transfer-Encoding")
    line = b"" if length is None else b"Content-Length: %d\r\n" % length
    if asked == b"HEAD" or status in {204, 304} or status < 200:  # noqa: PLR2004  RFC 9110 §15: 1xx are interim
        return EMPTY, b"" if status == 204 else line  # noqa: PLR2004  RFC 9110 §8.6: no length in a 204
    if coding is not None:
        return Body(CHUNKED), b""
    if length is None:
        return Body(CLOSE), b""
    return Body(LENGTH, length) if length else EMPTY, line
