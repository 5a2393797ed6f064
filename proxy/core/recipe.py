"""How to ask for a token, and where the answer holds it.

A recipe builds the login request and reads its answer; whoever sends it knows nothing of kinds. A further kind is a
further class with `sources`, `request` and `read`, and a line in `recipe_of`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from proxy.core.credential import Credential
from proxy.core.expiry import lifetime
from proxy.core.secret import Secret, SecretSource
from proxy.core.token import sendable
from proxy.errors import LoginRejected, LoginUnavailable

# interface.md, "Which logins are refused": the platform answers 400 to a key it cannot even read.
REFUSALS = frozenset({400, 401, 403})
FIRST_ERROR = 400
# 307 and 308 alone keep the method and the body (RFC 9110 §15.4.8, §15.4.9).
REPOSTED = frozenset({307, 308})

_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """The request that asks for a token."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginAnswer:
    """The answer to it, its body decoded; `headers` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an answer gives: the token's text and its lifetime in seconds."""

    text: str = field(repr=False)
    lifetime: float


class Recipe(Protocol):
    """How one kind of credential logs in."""

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The secrets that the login needs, by the names of the credential's fields."""
        ...

    def request(self, secrets: Mapping[str, Secret]) -> LoginRequest:
        """Return the request that logs in with these secrets."""
        ...

    def read(self, answer: LoginAnswer, now: float) -> Grant:
        """Return what the answer gives; `now` is the wall clock. Raises LoginRejected or LoginUnavailable."""
        ...


def recipe_of(credential: Credential) -> Recipe:
    """Return the recipe of a credential's kind."""
    return ApikeyRecipe(credential)


@dataclass(frozen=True, slots=True)
class ApikeyRecipe:
    """`kind = "apikey"`: the platform's own login (platform.md, "Login")."""

    credential: Credential

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The API key and its secret."""
        return {"apikey": self.credential.apikey, "secretkey": self.credential.secretkey}

    def request(self, secrets: Mapping[str, Secret]) -> LoginRequest:
        """Return the JSON login request of the platform."""
        fields = {"auth_mode": "apikey"} | {name: secret.reveal() for name, secret in secrets.items()}
        if self.credential.app_id is not None:
            fields["app_id"] = self.credential.app_id
        return LoginRequest("POST", self.credential.login_url, _JSON, json.dumps(fields).encode())

    def read(self, answer: LoginAnswer, now: float) -> Grant:
        """Return token and lifetime of the platform's answer.

        A `status` of the body that is an error counts as if it were the answer's own: the platform sends both.
        """
        _judge(answer.status, "status")
        session = _object(answer.body)
        if (status := _integer(session.get("status"))) >= FIRST_ERROR:
            _judge(status, "status in the body")
        text = session.get("token")
        if session.get("success") is False or not isinstance(text, str):
            raise LoginUnavailable(cause="the login's answer holds no token")
        if not sendable(text):
            raise LoginUnavailable(cause="the login's token cannot be sent in a field")
        return Grant(text, lifetime(session, self.credential.ttl, answer.headers.get("Date"), now))


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


def _judge(status: int, where: str) -> None:
    """Raise what a status that is no success means."""
    if status in REFUSALS:
        raise LoginRejected(cause=f"{where} {status}")
    if not 200 <= status < 300:  # noqa: PLR2004 - the 2xx class of RFC 9110 §15.3
        raise LoginUnavailable(cause=f"{where} {status}")


def _object(body: bytes) -> Mapping[str, object]:
    """Return the JSON object in a body; what is wrong with it is said without a byte of it."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise LoginUnavailable(
            cause="the login's answer is not JSON" if body else "the login's answer is empty"
        ) from None
    if not isinstance(value, dict):
        raise LoginUnavailable(cause="the login's answer is no JSON object")
    return value


def _integer(value: object) -> int:
    """Return a status given as a number or as digits, 0 for anything else."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():  # noqa: PLR2004 - RFC 9110 §15: three digits
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
