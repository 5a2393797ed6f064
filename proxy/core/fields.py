"""Which fields cross, and which are ours to write (RFC 9110 §7.6).

A head is kept as the raw field lines that may be forwarded, in order, and a small table of the fields that a
connection or the gateway itself has to know: its control data. Names in that table are lower-case.
"""

from collections.abc import Mapping

AUTHORIZATION = b"authorization"

Lines = list[bytes]
Control = dict[bytes, bytes]

# RFC 9110 §7.6.1: what belongs to one connection. `trailer` is no such field.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"upgrade",
        b"transfer-encoding",
        b"http2-settings",
    )
)
# By these a browser tells whose page asks and what it may; they are judged, and cross all the same.
JUDGED = frozenset(
    (
        b"origin",
        b"sec-fetch-site",
        b"access-control-request-method",
        b"access-control-request-headers",
        b"access-control-request-private-network",
    )
)
# What else proxies tell of their clients: of one that is trusted it crosses, of nobody else.
TOLD = frozenset((b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server", b"x-real-ip"))
# What some origins take for the method or the target, whatever the request line says: it is judged likewise.
OTHER_METHOD = frozenset((b"x-http-method", b"x-http-method-override", b"x-method-override"))
OTHER_TARGET = frozenset((b"x-original-url", b"x-rewrite-url"))
# What the gateway writes anew on every request it forwards, or decides by. `Forwarded` says what X-Forwarded-* say, and
# to CGI the others are them (RFC 3875 §4.1.18).
REQUEST_CONTROL = (
    HOP_BY_HOP
    | JUDGED
    | TOLD
    | OTHER_METHOD
    | OTHER_TARGET
    | {
        b"host",
        b"content-length",
        b"expect",
        b"max-forwards",
        b"via",
        b"authorization",
        b"proxy-authorization",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x_forwarded_for",
        b"x_forwarded_host",
        b"x_forwarded_proto",
        b"x-request-id",
        b"x-proxy-key",
    }
)
# Fields of an answer that may name the origin, and have to name the gateway then (interface.md, "Redirects").
REFERRING = frozenset((b"location", b"content-location", b"refresh", b"link", b"set-cookie"))
ANSWER_CONTROL = HOP_BY_HOP | REFERRING | {b"content-length", b"date"}
# What is noted and crosses all the same: of a request, of an answer.
NOTED = JUDGED | TOLD | OTHER_METHOD | OTHER_TARGET | REFERRING | {b"date"}
# RFC 9110 §6.5.1: what frames, routes, authenticates, modifies, controls caching or describes content is no trailer,
# nor what says which pages may read it; whoever merges trailers into the header section would be led astray.
NO_TRAILERS = (
    REQUEST_CONTROL
    | REFERRING
    | {
        b"access-control-allow-credentials",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
        b"access-control-allow-private-network",
        b"access-control-expose-headers",
        b"age",
        b"cache-control",
        b"content-encoding",
        b"content-range",
        b"content-type",
        b"cookie",
        b"date",
        b"expires",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"pragma",
        b"proxy-authenticate",
        b"range",
        b"retry-after",
        b"trailer",
        b"vary",
        b"warning",
        b"www-authenticate",
    }
)
# What asks for less than the whole content, or for a coded one: If-Range goes with Range (RFC 9110 §13.1.5), A-IM asks
# for differences (RFC 3229 §10.5.3).
PARTIAL = frozenset((b"accept-encoding", b"range", b"if-range", b"a-im"))
# What vouches for the bytes of a content, or offers parts of it (RFC 9530, RFC 3230, RFC 1864; RFC 9110 §14.3).
VOUCHING = frozenset((b"content-digest", b"repr-digest", b"digest", b"content-md5", b"accept-ranges"))
# The Connection values that name no field, as nearly every peer spells them.
PLAIN_CONNECTION = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close"))


def options(value: bytes) -> list[bytes]:
    """Return the lower-case members of a comma-separated field value."""
    return [option for option in (part.strip(b" \t").lower() for part in value.split(b",")) if option]


def note(control: Control, name: bytes, value: bytes) -> None:
    """Enter a control field; a second line of the same name is joined as RFC 9110 §5.3 allows."""
    before = control.get(name)
    control[name] = value if before is None else before + b", " + value


def nominated(control: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """Return the names that `Connection` nominates as belonging to this connection (RFC 9110 §7.6.1)."""
    connection = control.get(b"connection")
    if connection is None or connection in PLAIN_CONNECTION:
        return frozenset()
    return frozenset(options(connection))


def without(lines: Lines, names: frozenset[bytes]) -> Lines:
    """Return the field lines whose name is not among `names`."""
    if not names:
        return lines
    return [line for line in lines if name_of(line) not in names]


def name_of(line: bytes) -> bytes:
    """Return the lower-case name of a field line."""
    return line.partition(b":")[0].lower()


def value_of(line: bytes) -> bytes:
    """Return the value of a field line, without the space around it."""
    return line.partition(b":")[2].strip(b" \t\r\n")


def joined(lines: Lines, name: bytes) -> bytes:
    """Return the value of a field by its lower-case name; several are combined as RFC 9110 §5.3 allows."""
    return b", ".join(value_of(line) for line in lines if name_of(line) == name)


def spelt(name: bytes) -> bytes:
    """Return a lower-case name as CGI knows it, where `x_api_key` and `x-api-key` are one (RFC 3875 §4.1.18)."""
    return name.replace(b"_", b"-")
