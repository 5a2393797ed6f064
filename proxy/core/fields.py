"""Which fields cross, and which are ours to write (RFC 9110 §7.6).

A head is kept as the raw field lines that may be forwarded, in order, and a small table of the fields that a
connection or the gateway itself has to know: its control data. Names in that table are lower-case.
"""

from collections.abc import Mapping

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
# What the gateway writes anew on every request it forwards, or decides by.
REQUEST_CONTROL = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"authorization",
    b"proxy-authorization",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
}
ANSWER_CONTROL = HOP_BY_HOP | {b"content-length"}
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
    return [line for line in lines if line.partition(b":")[0].lower() not in names]
