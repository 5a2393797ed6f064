"""Where the answer to a login holds token and expiry: in its JSON, in a field, in a cookie, in the token itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.core import jwt
from proxy.core.expiry import As, remaining
from proxy.core.recipe import LoginAnswer, json_value
from proxy.errors import LoginUnavailable

_BEARER = "bearer "


class Lookup(Protocol):
    """A place in an answer; its repr tells it from any other place."""

    def value(self, answer: LoginAnswer) -> object:
        """Return what stands there, None for nothing. Raises LoginUnavailable for an answer that cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class InJson:
    """In the body's JSON, by the steps of a path; digits count from zero where there is a list."""

    path: tuple[str, ...]

    def value(self, answer: LoginAnswer) -> object:
        """Return the JSON value at the path. Raises LoginUnavailable for a body that is no JSON."""
        here = json_value(answer.body)
        for step in self.path:
            match here:
                case Mapping():
                    here = here.get(step)
                case Sequence() if not isinstance(here, str) and step.isdecimal() and int(step) < len(here):
                    here = here[int(step)]
                case _:
                    return None
        return here


@dataclass(frozen=True, slots=True)
class InField:
    """In a header field; a scheme in front of it is not part of it."""

    name: str

    def value(self, answer: LoginAnswer) -> object:
        """Return the field's value, None if there are several: nothing tells which is meant."""
        values = answer.values(self.name)
        if len(values) != 1:
            return None
        # Some logins answer with `Authorization: Bearer …`, as it is to be sent.
        return values[0][len(_BEARER) :] if values[0].lower().startswith(_BEARER) else values[0]


@dataclass(frozen=True, slots=True)
class InCookie:
    """In a cookie that the answer sets."""

    name: str

    def value(self, answer: LoginAnswer) -> object:
        """Return the cookie's value, the last one where it is set again (RFC 6265 §5.3)."""
        found = None
        for line in answer.values("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name.strip() == self.name:
                found = value.strip()
        return found


class Expiry(Protocol):
    """Where the end of a token's life is told; its repr tells it from any other."""

    def remaining(self, token: str, answer: LoginAnswer, now: float) -> float | None:
        """Return the life in seconds, None where it is not told; `now` is the wall clock."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """The answer tells it, at a place, written in some way."""

    where: Lookup
    written: As

    def remaining(self, token: str, answer: LoginAnswer, now: float) -> float | None:
        """Return the life in seconds. An answer that cannot be read tells none: the token is there all the same."""
        del token
        try:
            value = self.where.value(answer)
        except LoginUnavailable:
            return None
        return remaining(value, self.written, answer.value("Date"), now)


@dataclass(frozen=True, slots=True)
class OfJwt:
    """The token tells it, in its `exp` claim."""

    def remaining(self, token: str, answer: LoginAnswer, now: float) -> float | None:
        """Return the life in seconds."""
        return remaining(jwt.expiry(token), As.EPOCH, answer.value("Date"), now)
