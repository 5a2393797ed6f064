"""Any login endpoint, described: `kind = "recipe"`, and what `kind = "oauth2"` is made from."""

import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from proxy.core.answers import Expiry, Lookup
from proxy.core.held import basic
from proxy.core.recipe import SUCCESSFUL, Grant, LoginAnswer, LoginRequest, granted, judge
from proxy.core.secret import Secret, SecretSource
from proxy.core.values import Value, filled, sources, text, within

# A secret of the environment may hold bytes that are no UTF-8; they are sent as they are.
BYTES = "surrogateescape"
HEADERS, USERNAME, PASSWORD = "login.headers", "login.basic.username", "login.basic.password"


class Format(enum.StrEnum):
    """What a login's body is; the value is its key in the configuration."""

    JSON = "json"
    FORM = "form"
    RAW = "body"


TYPES = {Format.JSON: "application/json", Format.FORM: "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Name and password that the login wants in its Authorization field (RFC 7617).

    `escaped`: form-encoded before, as RFC 6749 §2.3.1 wants a client's.
    """

    username: Value = field(repr=False)
    password: Value = field(repr=False)
    escaped: bool = False


@dataclass(frozen=True, slots=True)
class LoginRecipe:
    """A request with secrets in it, and where its answer holds the token.

    Where no `expiry` is told the credential's `ttl` counts. The fields of the request have these `headers` and, where
    they leave them out, those that go with the rest.
    """

    url: str
    token: Lookup
    expiry: Expiry | None = None
    method: str = "POST"
    format: Format = Format.RAW
    body: Value = field(default="", repr=False)
    headers: Mapping[str, Value] = field(default_factory=dict, repr=False)
    basic: BasicAuth | None = None
    success: frozenset[int] = SUCCESSFUL

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The secrets by their places, such as `login.json.password`."""
        places = {self._body: self.body, HEADERS: self.headers}
        if self.basic is not None:
            places |= {USERNAME: self.basic.username, PASSWORD: self.basic.password}
        return {name: source for place in places for name, source in sources(places[place], place).items()}

    @property
    def reads(self) -> str:
        """Where token and expiry are."""
        return repr((self.token, self.expiry))

    def request(self, secrets: Mapping[str, Secret]) -> LoginRequest:
        """Return the login request."""
        body = encoded(self.format, filled(self.body, self._body, secrets))
        own = {name: text(filled(each, within(HEADERS, name), secrets)) for name, each in self.headers.items()}
        taken = {name.lower() for name in own}
        fields = [(name, value) for name, value in self._fields(secrets) if name.lower() not in taken]
        return LoginRequest(self.method, self.url, (*fields, *own.items()), body)

    def read(self, answer: LoginAnswer, now: float) -> Grant:
        """Return what the answer gives; `now` is the wall clock. Raises LoginRejected or LoginUnavailable."""
        judge(answer.status, "status", success=self.success)
        token = self.token.value(answer)
        if not isinstance(token, str):
            return granted(None, None)
        return granted(token, None if self.expiry is None else self.expiry.remaining(token, answer, now))

    @property
    def _body(self) -> str:
        return f"login.{self.format}"

    def _fields(self, secrets: Mapping[str, Secret]) -> Iterator[tuple[str, str]]:
        """Yield the fields that go with the rest of the request."""
        yield "Accept", "application/json"
        if self.format in TYPES:
            yield "Content-Type", TYPES[self.format]
        if self.basic is not None:
            pair = (self.basic.username, USERNAME), (self.basic.password, PASSWORD)
            username, password = (text(filled(value, place, secrets)) for value, place in pair)
            if self.basic.escaped:
                username, password = quote_plus(username, errors=BYTES), quote_plus(password, errors=BYTES)
            yield "Authorization", f"Basic {basic(username, password)}"


def encoded(written: Format, value: object) -> bytes:
    """Return a body whose secrets are filled in. A list in a form stands for several pairs of one name."""
    if written is Format.JSON:
        return json.dumps(value).encode()
    if written is Format.FORM and isinstance(value, dict):
        many = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
        return urlencode([(name, text(each)) for name in many for each in many[name]], errors=BYTES).encode()
    return text(value).encode("utf-8", BYTES)
