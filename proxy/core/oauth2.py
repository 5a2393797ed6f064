"""The client credentials grant of OAuth 2.0 (RFC 6749 §4.4), as a login recipe."""

from collections.abc import Mapping
from typing import Literal

from proxy.core.answers import InJson, Told
from proxy.core.expiry import As
from proxy.core.login_recipe import BasicAuth, Format, LoginRecipe
from proxy.core.secret import SecretSource
from proxy.core.values import Value

ClientAuth = Literal["basic", "post"]


def client_credentials(
    token_url: str,
    client_id: SecretSource,
    client_secret: SecretSource,
    *,
    client_auth: ClientAuth = "basic",
    scope: str | None = None,
    audience: str | None = None,
    params: Mapping[str, Value] | None = None,
) -> LoginRecipe:
    """Return the recipe; `params` are sent beside what the grant has, and instead of it where they name the same.

    `client_auth` says where the client's id and secret stand: in Authorization (RFC 6749 §2.3.1), or in the body.
    """
    form: dict[str, Value] = {"grant_type": "client_credentials"}
    form |= {name: value for name, value in (("scope", scope), ("audience", audience)) if value is not None}
    basic = None
    if client_auth == "basic":
        basic = BasicAuth(client_id, client_secret, escaped=True)
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    return LoginRecipe(
        url=token_url,
        token=InJson(("access_token",)),
        expiry=Told(InJson(("expires_in",)), As.SECONDS),  # RFC 6749 §5.1
        format=Format.FORM,
        body=form | dict(params or {}),
        basic=basic,
    )
