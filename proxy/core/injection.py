"""Where a credential stands in a request, and the caller's own at that place (interface.md, `inject`)."""

from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, unquote_to_bytes

from proxy.core.fields import AUTHORIZATION, Control, Lines, name_of, spelt

# A signature over the request, which another credential would void; both of AWS's algorithms begin so.
SIGNED = b"aws4-"


class Place(Enum):
    """What carries the credential."""

    FIELD = auto()
    QUERY = auto()
    COOKIE = auto()


@dataclass(frozen=True, slots=True)
class Injection:
    """A field with a template around the token, a query parameter or a cookie; `name` is as it is sent."""

    place: Place = Place.FIELD
    name: bytes = b"Authorization"
    before: bytes = b"Bearer "
    after: bytes = b""

    @property
    def usual(self) -> bool:
        """Whether it is the Authorization field, which is taken out of every head when it is read."""
        return self.place is Place.FIELD and self.name.lower() == AUTHORIZATION

    @property
    def field(self) -> bytes | None:
        """The name of the field that it takes, as CGI spells it; None for a parameter or a cookie."""
        return spelt(self.name.lower()) if self.place is Place.FIELD else None

    def carried(self, target: bytes, lines: Lines, control: Control) -> bool:
        """Return whether a request has something at this place already, in whatever spelling."""
        if self.usual:
            return AUTHORIZATION in control
        return self.cleared(target, lines) != (target, lines)

    def cleared(self, target: bytes, lines: Lines) -> tuple[bytes, Lines]:
        """Return target and field lines without what they have at this place."""
        match self.place:
            case Place.FIELD:
                return target, [line for line in lines if spelt(name_of(line)) != self.field]
            case Place.QUERY:
                return without_parameter(target, self.name), lines
            case Place.COOKIE:
                kept = (without_cookie(line, self.name) if name_of(line) == b"cookie" else line for line in lines)
                return target, [line for line in kept if line]

    def injected(self, target: bytes, lines: Lines, value: str) -> tuple[bytes, Lines]:
        """Return target and field lines, cleared before, with the token at this place."""
        match self.place:
            case Place.FIELD:
                return target, [*lines, self.line(value)]
            case Place.QUERY:
                mark = b"&" if b"?" in target and not target.endswith((b"?", b"&")) else b""
                mark = mark if b"?" in target else b"?"
                return b"%b%b%b=%b" % (target, mark, quote(self.name).encode(), quote(value, safe="").encode()), lines
            case Place.COOKIE:
                return target, with_cookie(lines, b"%b=%b" % (self.name, value.encode()))

    def line(self, value: str) -> bytes:
        """Return the field line with a token."""
        return b"%b: %b\r\n" % (self.name, self.content(value))

    def content(self, value: str) -> bytes:
        """Return what stands in the field with a token."""
        return b"%b%b%b" % (self.before, value.encode(), self.after)


def signed(control: Control) -> bool:
    """Return whether the caller has signed the request."""
    return control.get(AUTHORIZATION, b"").lower().startswith(SIGNED)


def without_parameter(url: bytes, name: bytes) -> bytes:
    """Return a target or URL without a query parameter, whatever its escapes (`?token=`, `?%74oken=`)."""
    head, mark, query = url.partition(b"?")
    if not mark:
        return url
    query, fragment_mark, fragment = query.partition(b"#")
    kept = [pair for pair in query.split(b"&") if parameter_name(pair) != name]
    if len(kept) == query.count(b"&") + 1:
        return url
    return head + (mark + b"&".join(kept) if kept else b"") + fragment_mark + fragment


def parameter_name(pair: bytes) -> bytes:
    """Return the name of a query parameter, without escapes."""
    return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" "))


def without_cookie(line: bytes, name: bytes) -> bytes:
    """Return a Cookie line without one cookie; b"" if nothing is left."""
    field, _, value = line.partition(b":")
    pairs = value.strip().split(b";")
    kept = [pair.strip() for pair in pairs if pair.partition(b"=")[0].strip() != name]
    if len(kept) == len(pairs):
        return line
    return b"%b: %b\r\n" % (field, b"; ".join(kept)) if kept else b""


def with_cookie(lines: Lines, pair: bytes) -> Lines:
    """Return field lines with a cookie more; RFC 6265 §5.4 wants all in one Cookie field."""
    pairs = [line.partition(b":")[2].strip() for line in lines if name_of(line) == b"cookie"]
    rest = [line for line in lines if name_of(line) != b"cookie"]
    return [*rest, b"Cookie: %b\r\n" % b"; ".join([*pairs, pair])]
