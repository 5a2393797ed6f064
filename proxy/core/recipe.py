"""How to ask for a token, and where the answer holds it.

A recipe builds the login request and reads its answer; whoever sends it knows nothing of kinds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from proxy.core.secret import Secret, SecretSource
from proxy.core.token import sendable
from proxy.errors import LoginRejected, LoginUnavailable

# 307 and 308 alone keep the method and the body (RFC 9110 §15.4.8, §15.4.9).
REPOSTED = frozenset({307, 308})
# interface.md, "Which logins are refused": of whatever kind.
REFUSALS = frozenset({401, 403})
# The class of RFC 9110 §15.3.
SUCCESSFUL = frozenset(range(200, 300))
_PORTS = {"https": 443, "http": 80}


Secrets = Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """The request that asks for a token."""

    method: str
    url: str = field(repr=False)  # that of a logout may end with the token
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginAnswer:
    """The answer to it, its body decoded; `headers` as they came, one pair for each line."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def values(self, name: str) -> list[str]:
        """Return the values of a field in order, its name in whatever case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """Return the first value of a field, None without one."""
        return next(iter(self.values(name)), None)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an answer gives: the token's text and its lifetime in seconds, None where the answer does not tell."""

    text: str = field(repr=False)
    lifetime: float | None = None


class Recipe(Protocol):
    """How one kind of credential logs in."""

    @property
    def url(self) -> str:
        """Where the secrets are sent."""
        ...

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The secrets that the login needs, by names of the recipe's own."""
        ...

    @property
    def reads(self) -> str:
        """What is taken from an answer: two recipes that ask alike may take different tokens."""
        ...

    def request(self, secrets: Mapping[str, Secret]) -> LoginRequest:
        """Return the request that logs in with these secrets."""
        ...

    def read(self, answer: LoginAnswer, now: float) -> Grant:
        """Return what the answer gives; `now` is the wall clock. Raises LoginRejected or LoginUnavailable."""
        ...


def facts(recipe: Recipe, secrets: Mapping[str, Secret]) -> tuple[object, ...]:
    """Return all that decides which token a login gets: the very request, and what is taken from its answer."""
    asked = recipe.request(secrets)
    return asked.method, asked.url, asked.headers, asked.body, recipe.reads


def redirected(url: str, status: int, location: str | None) -> str | None:
    """Return where the login request to `url` is to be sent again, or None.

    Secrets follow a redirect to the same scheme, host and port only, and only one that keeps method and body.
    """
    if status not in REPOSTED or location is None:
        return None
    try:
        target = urljoin(url, location)
        same = _origin(urlsplit(url)) == _origin(urlsplit(target))
    except ValueError:
        return None
    return target if same else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.username


def judge(status: int, where: str, refusals: frozenset[int] = REFUSALS, success: frozenset[int] = SUCCESSFUL) -> None:
    """Raise what a status that is no success means: LoginRejected for one of the `refusals`, else LoginUnavailable."""
    if status in refusals:
        raise LoginRejected(cause=f"{where} {status}")
    if status not in success:
        raise LoginUnavailable(cause=f"{where} {status}")


def granted(text: str | None, lifetime: float | None) -> Grant:
    """Return what an answer gives. Raises LoginUnavailable for a token that is missing or that no field can carry."""
    if text is None:
        raise LoginUnavailable(cause="the login's answer holds no token")
    if not sendable(text):
        raise LoginUnavailable(cause="the login's token cannot be sent in a field")
    return Grant(text, lifetime)


def json_value(body: bytes) -> object:
    """Return the JSON value in a body; what is wrong with it is said without a byte of it. Raises LoginUnavailable."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise LoginUnavailable(
            cause="the login's answer is not JSON" if body else "the login's answer is empty"
        ) from None
    return value


def json_object(body: bytes) -> Mapping[str, object]:
    """Return the JSON object in a body. Raises LoginUnavailable."""
    value = json_value(body)
    if not isinstance(value, dict):
        raise LoginUnavailable(cause="the login's answer is no JSON object")
    return value
