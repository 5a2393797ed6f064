"""The keys of a credential, for each kind: one table stands for one of these."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from proxy.config import parts, places, values
from proxy.config.schema import (
    Duration,
    Inject,
    Proxied,
    SecretField,
    Section,
    choice,
    item,
    optional,
)
from proxy.config.secrets import secret_and_text
from proxy.core.secret import SecretSource
from proxy.core.token import sendable

INJECT = '{ header = "Authorization", template = "Bearer {token}" } | { query = "token" } | { cookie = "…" }'


def held(value: object, info: ValidationInfo) -> SecretSource:
    """Return where a token is that is sent as it is."""
    found, text = secret_and_text(value, info)
    if not sendable(text):
        raise ValueError('has spaces or characters that a field cannot carry; "Bearer" comes from inject')
    return found


def user(value: object, info: ValidationInfo) -> SecretSource:
    """Return where a user's name is."""
    found, text = secret_and_text(value, info)
    if ":" in text:
        raise ValueError("has a colon, with which Basic ends the name (RFC 7617)")
    return found


class Rule(Section):
    """One of `reject`: an answer with this status and, if there are texts, any of them in its body."""

    status: Annotated[int, BeforeValidator(parts.refusal)]
    body: Annotated[tuple[bytes, ...], BeforeValidator(parts.texts)] = Field([], validate_default=True)


class Credential(Section):
    """A set of secrets, and how to trade them for a token."""

    kind: str = item('"apikey" | "oauth2" | "recipe" | "static" | "basic"; the others stand below', default="apikey")
    inject: Inject = item(INJECT, default=None)
    reject: list[Rule] | None = item(
        'what means that a token is dead, by status and perhaps any of some texts in the body; default for "apikey": '
        '[ { status = 401 }, { status = 403, body = ["Invalid token"] } ], for the others: [ { status = 401 } ]',
        default=None,
    )


class LoggingIn(Credential):
    """What the kinds have in common that log in."""

    ttl: Duration = item("how long a token lives when the login does not say", default="1h")
    sliding: bool = item("true: each use extends the token's life; ttl then counts from the last use", default=False)
    max_age: Duration = item("never use a token longer than this after its login", default="24h")
    login_timeout: Duration = item("for a whole login", default="10s")
    logout_url: Annotated[str | None, optional(parts.url)] = item(
        "where the session is ended with the gateway, if the token is not shared: DELETE as the platform has it; "
        'of "oauth2" the revocation endpoint; of "recipe" DELETE with the token where requests carry it',
        default=None,
    )
    ca_file: str | None = item("as for a route; a defaulted login_url takes the route's", default=None)
    verify: bool | None = item("likewise", default=None)
    egress_proxy: Proxied = item("likewise", default=None)


class Apikey(LoggingIn):
    """Kind "apikey": the login of the Data Platform."""

    login_url: Annotated[str | None, optional(parts.url)] = item(
        "default: the first using route's upstream + /iam/login", default=None
    )
    apikey: SecretField = item('a string, { env = "NAME" }, { file = "PATH" } or { command = ["…"] }')
    secretkey: SecretField = item("likewise")
    app_id: str | None = item("sent with the login where the platform wants it", default=None)


class OAuth2(LoggingIn):
    """Kind "oauth2": the client credentials grant of OAuth 2.0 (RFC 6749 §4.4)."""

    token_url: Annotated[str, BeforeValidator(parts.url)] = item("the token endpoint")
    client_id: SecretField = item("a secret like any other")
    client_secret: SecretField = item("likewise")
    client_auth: Annotated[str, choice("basic", "post")] = item(
        'where the server wants them: "basic", the Authorization field, or "post", the body', default="basic"
    )
    scope: str | None = item("several with spaces between them", default=None)
    audience: str | None = item("where the server asks for one", default=None)
    params: Annotated[Mapping[str, Any], BeforeValidator(values.pairs)] = item(
        "what else is sent; its values may be secrets", default={}
    )


class BasicAuth(Section):
    """`login.basic`: name and password for the Authorization field."""

    username: Annotated[Any, BeforeValidator(user)]
    password: SecretField


class LoginTable(Section):
    """`login`: the request that asks for a token."""

    url: Annotated[str, BeforeValidator(parts.url)]
    method: Annotated[str, BeforeValidator(parts.method)] = "POST"
    json_: Annotated[Any, BeforeValidator(values.tree)] = Field(None, alias="json", validate_default=False)
    form: Annotated[Any, BeforeValidator(values.pairs)] = Field(None, validate_default=False)
    body: Annotated[Any, BeforeValidator(values.text)] = Field(None, validate_default=False)
    headers: Annotated[Any, BeforeValidator(values.headers)] = Field({})
    basic: BasicAuth | None = None
    success: Annotated[frozenset[int] | None, optional(parts.successes)] = None

    @model_validator(mode="after")
    def _one_body(self) -> "LoginTable":
        if len({"json_", "form", "body"} & self.model_fields_set) > 1:
            raise ValueError("has several bodies; expected one of json, form and body")
        return self


class Recipe(LoggingIn):
    """Kind "recipe": any login endpoint."""

    login: LoginTable = item(
        'the request: url; method ("POST"); json = { … }, form = { … } or body = "…"; headers = { … }; '
        'basic = { username = "…", password = "…" }; success = [200, 201] (default: any 2xx). A secret such as '
        '{ env = "X" } may stand wherever a value does'
    )
    token: Annotated[Any, BeforeValidator(places.token)] = item(
        'where the answer holds the token: { json = "a.b[0].c" } | { header = "X" } | { cookie = "N" }'
    )
    expiry: Annotated[Any, optional(places.expiry)] = item(
        'where it holds the expiry: json or header, and as = "seconds" | "minutes" | "milliseconds" | "epoch" | '
        '"epoch_ms" | "iso"; or { jwt = true }: the token itself; default: nowhere, ttl counts',
        default=None,
    )


class Static(Credential):
    """Kind "static": a token that is there already."""

    token: Annotated[Any, BeforeValidator(held)] = item("a secret; in a file it is read anew when that changes")


class Basic(Credential):
    """Kind "basic": a name and a password, sent with every request (RFC 7617)."""

    username: Annotated[Any, BeforeValidator(user)] = item("a secret like any other, without a colon")
    password: SecretField = item("likewise")


KINDS: dict[str, type[Credential]] = {
    "apikey": Apikey,
    "oauth2": OAuth2,
    "recipe": Recipe,
    "static": Static,
    "basic": Basic,
}
