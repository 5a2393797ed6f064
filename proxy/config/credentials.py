"""From a credential's table to its value: what differs by kind."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from proxy.config import kinds
from proxy.config.lines import Path
from proxy.config.schema import Section
from proxy.config.secrets import Command, File, Literal, Variable
from proxy.core.address import Upstream
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import DEFAULT_REJECT, UNAUTHORIZED, Credential, Reject, Verification
from proxy.core.held import Held
from proxy.core.injection import Injection
from proxy.core.login_recipe import BasicAuth, Format, LoginRecipe
from proxy.core.logout import Logout, PlatformLogout, Revocation, SessionEnd
from proxy.core.oauth2 import ClientAuth, client_credentials
from proxy.core.paths import joined
from proxy.core.recipe import SUCCESSFUL, Recipe
from proxy.core.route import LOGIN_PATHS
from proxy.core.secret import SecretSource
from proxy.core.values import within

LOGIN = b"/iam/login"
BASIC = Injection(before=b"Basic ")


def credential(name: str, given: kinds.Credential, upstream: Upstream, verification: Verification) -> Credential:
    """Return the value of a table; `upstream` is that of the first route with this credential."""
    how = recipe(given, upstream)
    made = Credential(name, how, verification=verification, reject=reject(given))
    if not isinstance(given, kinds.LoggingIn):
        return made
    return replace(
        made,
        ttl=given.ttl,
        sliding=given.sliding,
        max_age=given.max_age,
        login_timeout=given.login_timeout,
        logout=logout(given, how),
    )


def logout(given: kinds.LoggingIn, how: Recipe | Held) -> Logout | None:
    """Return how a session is ended, None where nothing is said of it."""
    match given, how:
        case kinds.LoggingIn(logout_url=None), _:
            return None
        case kinds.Apikey(logout_url=str() as url, app_id=app_id), _:
            return PlatformLogout(url, app_id)
        case kinds.OAuth2(logout_url=str() as url), LoginRecipe():
            return Revocation(url, how)
    return SessionEnd(str(given.logout_url), injection(given))


def recipe(given: kinds.Credential, upstream: Upstream) -> Recipe | Held:
    """Return how to get a token."""
    match given:
        case kinds.Apikey():
            return ApikeyRecipe(login_url(given, upstream)[1], given.apikey, given.secretkey, given.app_id)
        case kinds.OAuth2():
            return client_credentials(
                given.token_url,
                given.client_id,
                given.client_secret,
                client_auth=cast("ClientAuth", given.client_auth),
                scope=given.scope,
                audience=given.audience,
                params=given.params,
            )
        case kinds.Recipe():
            return login_recipe(given)
        case kinds.Static():
            return Held(given.token)
        case kinds.Basic():
            return Held(given.password, given.username)
    raise TypeError("there is no such kind")


def login_recipe(given: kinds.Recipe) -> LoginRecipe:
    """Return the recipe that a table describes."""
    login = given.login
    bodies = {Format.JSON: login.json_, Format.FORM: login.form, Format.RAW: login.body}
    body = next(((form, value) for form, value in bodies.items() if value is not None), (Format.RAW, ""))
    return LoginRecipe(
        url=login.url,
        token=given.token,
        expiry=given.expiry,
        method=login.method,
        format=body[0],
        body=body[1],
        headers=login.headers,
        basic=None if login.basic is None else BasicAuth(login.basic.username, login.basic.password),
        success=login.success or SUCCESSFUL,
    )


def login_url(given: kinds.LoggingIn, upstream: Upstream) -> tuple[Path, str]:
    """Return where the secrets are sent, behind the key that says so."""
    match given:
        case kinds.OAuth2():
            return ("token_url",), given.token_url
        case kinds.Recipe():
            return ("login", "url"), given.login.url
        case kinds.Apikey(login_url=str() as url):
            return ("login_url",), url
    return ("login_url",), f"{replace(upstream, base_path=joined(upstream.base_path, LOGIN))}"


def told(given: kinds.LoggingIn, upstream: Upstream) -> Iterator[tuple[Path, str]]:
    """Yield the URLs that are told secrets or tokens, behind the keys that say so."""
    yield login_url(given, upstream)
    if given.logout_url is not None:
        yield ("logout_url",), given.logout_url


def defaulted(given: kinds.Credential) -> bool:
    """Return whether the login is at the route's own upstream, without having been told."""
    return isinstance(given, kinds.Apikey) and given.login_url is None


def reject(given: kinds.Credential) -> tuple[Reject, ...]:
    """Return what means that a token is dead."""
    if given.reject is not None:
        return tuple(Reject(rule.status, rule.body) for rule in given.reject)
    return DEFAULT_REJECT if isinstance(given, kinds.Apikey) else UNAUTHORIZED


def injection(given: kinds.Credential | None) -> Injection:
    """Return where the token goes, unless a route says otherwise."""
    default = BASIC if isinstance(given, kinds.Basic) else Injection()
    return (given and given.inject) or default


def denied(given: kinds.Credential | None) -> tuple[bytes, ...]:
    """Return the paths that routes with this credential do not let through, unless they say otherwise."""
    return LOGIN_PATHS if isinstance(given, kinds.Apikey) else ()


def secrets(value: object, place: str) -> Iterator[tuple[str, SecretSource]]:
    """Yield where the secrets of a table come from, behind their places in it."""
    match value:
        case Literal() | Variable() | File() | Command():
            yield place, value
        case Section():
            for key, about in type(value).model_fields.items():
                yield from secrets(getattr(value, key), within(place, about.alias or key))
        case Mapping():
            for key, each in value.items():
                yield from secrets(each, within(place, key))
        case list():
            for index, each in enumerate(value):
                yield from secrets(each, within(place, index))
