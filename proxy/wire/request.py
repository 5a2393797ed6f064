"""What a request says before its body (RFC 9112 §3), and how that is delimited (§6)."""

import re

from proxy.core.fields import AUTHORIZATION, PARTIAL, Control, Lines, name_of, nominated, options, spelt, without
from proxy.core.forwarded import Forwarded
from proxy.core.scrub import Scrub
from proxy.errors import BadRequest, GatewayError, MethodNotAllowed, NoTunnel
from proxy.wire.body import CHUNKED, EMPTY, LENGTH, Body, read_length
from proxy.wire.target import GOOD_HOSTS, good_host, read_target

# RFC 9112 §3, strictly: one space, visible ASCII, HTTP in capitals.
LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.([01])\r\n")
OTHER_VERSION = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n")
# TRACE reflects fields, the credential among them (RFC 9110 §9.3.8); so does TRACK. CONNECT would choose an origin.
NEVER_FORWARDED = frozenset((b"TRACE", b"TRACK", b"CONNECT"))
ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"  # what is said where any other method may pass as well
# Fields of a request that few carry and that are written anew, each by rules of its own.
RARE = frozenset((b"te", b"upgrade", b"expect", b"max-forwards"))
# Upgrades that end in HTTP again: requests would go past every rule of the gateway ("h2c smuggling").
HTTP_AGAIN = frozenset((b"h2c", b"h2", b"http", b"tls"))

# A request line (RFC 9112 §3): method, target, whether it is HTTP/1.0, and where the fields begin.
RequestLine = tuple[bytes, bytes, bool, int]


class Request:
    """A request under way. `lines` are the fields that may cross, `control` those that the gateway writes anew.

    `host` is the authority that was asked for, `absolute` whether the target itself named it, `scheme` whether it came
    by way of TLS. `keep` says whether the client's connection may take another request after it, `upgrade` which
    protocols may take over the connection, `here` that the gateway itself is asked. `rare` holds ready lines for the
    origin; `expects` is said of a client that waits for `100 Continue`. `told` is what a trusted proxy says of its
    client. `broken` is set when the body turns out malformed, or comes too late. `scrub` hides in its answers what the
    route says must not be seen.
    """

    # What few requests have stands on the class: most objects are made without it.
    scheme: bytes = b"http"
    absolute: bool = False
    framing: bytes = b""
    rare: bytes = b""
    upgrade: bytes = b""
    expects: bool = False
    here: bool = False
    broken: GatewayError | None = None
    scrub: Scrub | None = None
    told: Forwarded | None = None

    def __init__(
        self, line: RequestLine, target: bytes, host: bytes, lines: Lines, control: Control, body: Body
    ) -> None:
        self.method, _, self.http10, _ = line
        self.target = target
        self.host = host
        self.lines = lines
        self.control = control
        self.body = body
        self.keep = not self.http10

    def ask_plainly(self) -> None:
        """Ask for an answer that can be looked through: the whole content, without a coding, and still HTTP."""
        self.lines = [line for line in self.lines if spelt(name_of(line)) not in PARTIAL]
        self.lines.append(b"Accept-Encoding: identity\r\n")
        if self.upgrade:
            del self.control[b"upgrade"]
            self.upgrade = self.rare = b""
            _read_rare(self, nominated(self.control))

    def __repr__(self) -> str:
        return f"<Request {self.method.decode()} {self.body}>"


def read_line(head: bytes) -> RequestLine:
    """Return the request line that a head begins with. Raises BadRequest."""
    match = LINE.match(head)
    if match is None:
        if OTHER_VERSION.match(head):
            raise BadRequest("The gateway speaks HTTP/1.1 and HTTP/1.0.")
        raise BadRequest("The request line is malformed (RFC 9112 section 3).")
    method, target, minor = match.groups()
    return method, target, minor == b"0", match.end()


def read_request(line: RequestLine, lines: Lines, control: Control) -> Request:
    """Turn a parsed head into a request, refusing what is ambiguous. Raises BadRequest, MethodNotAllowed."""
    method, url, http10, _ = line
    if method.upper() in NEVER_FORWARDED:
        raise (NoTunnel if method == b"CONNECT" else MethodNotAllowed)(ALLOWED)
    target, authority = (url, b"") if url.startswith(b"/") and b"#" not in url else read_target(url, method)
    host = control.get(b"host")
    if host is None and not http10:
        raise BadRequest("The request has no Host field (RFC 9112 section 3.2).")
    if host is not None and host not in GOOD_HOSTS and not good_host(host):
        raise BadRequest("The request's Host field is malformed, or there is more than one (RFC 9112 section 3.2).")
    few = len(control) <= 1 and not http10  # nothing but Host, as in most requests
    body = EMPTY if few else request_body(control, http10=http10)
    # RFC 9112 §3.2.2: an absolute target says more than the Host field.
    request = Request(line, target, authority or host or b"", lines, control, body)
    if target is not url or target == b"*":
        request.absolute, request.here = bool(authority), target == b"*"
    if not few:
        _read_control(request)
    return request


def _read_control(request: Request) -> None:
    """Draw from the control data what only some requests have."""
    control, body = request.control, request.body
    names = nominated(control)
    request.lines = without(request.lines, names)
    if b"connection" in control:
        request.keep = persists(control, http10=request.http10)
        if AUTHORIZATION in names:
            control.pop(AUTHORIZATION, None)  # the caller's own belongs to this connection, it says
    if body.framing is LENGTH or b"content-length" in control:
        request.framing = b"Content-Length: %d\r\n" % body.length
    elif body.framing is CHUNKED:
        request.framing = b"Transfer-Encoding: chunked\r\n"
    if not RARE.isdisjoint(control):
        _read_rare(request, names)


def persists(control: Control, *, http10: bool) -> bool:
    """Return whether a connection may be used on behind a message (RFC 9112 §9.3)."""
    asked = options(control[b"connection"])
    return b"close" not in asked and (not http10 or b"keep-alive" in asked)


def _read_rare(request: Request, names: frozenset[bytes]) -> None:
    control, connection = request.control, []
    if b"trailers" in options(control.get(b"te", b"")):
        # RFC 9110 §10.1.4: we pass trailers on, and TE belongs to each connection.
        request.rare += b"TE: trailers\r\n"
        connection.append(b"TE")
    if b"upgrade" in names and not request.http10 and request.body.framing is not CHUNKED:
        request.upgrade = upgrades(control.get(b"upgrade", b""))
    if request.upgrade:
        request.rare += b"Upgrade: %b\r\n" % request.upgrade
        connection.append(b"Upgrade")
    if connection:
        request.rare += b"Connection: %b\r\n" % b", ".join(connection)
    # RFC 9110 §10.1.1: not from a 1.0 client, and only where a body follows.
    if b"expect" in control and not request.http10:
        if set(options(control[b"expect"])) == {b"100-continue"}:
            request.expects = not request.body.complete
        else:
            request.rare += b"Expect: %b\r\n" % control[b"expect"]
    if b"max-forwards" in control:
        _read_max_forwards(request, control[b"max-forwards"])


def upgrades(value: bytes) -> bytes:
    """Return the protocols that a request may change to: all that it asks for, but none that is HTTP again."""
    asked = [protocol.strip(b" \t") for protocol in value.split(b",")]
    return b", ".join(each for each in asked if each and each.partition(b"/")[0].lower() not in HTTP_AGAIN)


def _read_max_forwards(request: Request, value: bytes) -> None:
    """Count down (RFC 9110 §7.6.2), for OPTIONS; TRACE is refused, and for others it means nothing."""
    if request.method == b"OPTIONS":
        count = read_length(value)
        if count is None:
            raise BadRequest("The request's Max-Forwards is malformed (RFC 9110 section 7.6.2).")
        request.here = request.here or count == 0
        value = b"%d" % max(0, count - 1)
    request.rare += b"Max-Forwards: %b\r\n" % value


def request_body(control: Control, *, http10: bool) -> Body:
    """Return the still empty body of a request (RFC 9112 §6.3). Raises BadRequest."""
    coding, length = control.get(b"transfer-encoding"), control.get(b"content-length")
    if coding is not None:
        # RFC 9112 §6.1: a server ought to refuse TE beside CL, and TE from HTTP/1.0; both are smuggling attempts.
        if http10 or length is not None:
            raise BadRequest("Transfer-Encoding stands beside Content-Length or in HTTP/1.0 (RFC 9112 section 6.1).")
        if options(coding) != [b"chunked"]:
            raise BadRequest("The request's Transfer-Encoding is not known here; it can be chunked.")
        return Body(CHUNKED)
    if length is None:
        return EMPTY
    size = read_length(length)
    if size is None:
        raise BadRequest("The request's Content-Length is malformed (RFC 9112 section 6.3).")
    return Body(LENGTH, size) if size else EMPTY
