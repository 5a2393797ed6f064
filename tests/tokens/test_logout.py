"""A session that nobody needs any more is ended at the platform, in the way of its kind."""

import asyncio
import base64
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from proxy.core.injection import Injection, Place
from proxy.core.logout import Logout, PlatformLogout, Revocation, SessionEnd
from proxy.core.oauth2 import client_credentials
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.tokens.login import Login
from tests.core.secrets import Given, credential
from tests.tokens.clock import FakeClock, settled
from tests.tokens.issuer import running
from tests.tokens.login_server import TOKEN, answer, login_server, session, silence

URL = "https://iam.example/logout"
SECRETS = {"login.json.password": Secret("the-secret")}


def test_the_platforms_own() -> None:
    """DELETE with application and token in the query (platform.md, "Login"), each escaped."""
    asked = PlatformLogout(URL, "forepaas").request("a+b/c", {})
    assert (asked.method, asked.url) == ("DELETE", f"{URL}?app_id=forepaas&token=a%2Bb%2Fc")
    assert PlatformLogout(f"{URL}?x=y").request("abc", {}).url == f"{URL}?x=y&app_id=&token=abc"


@pytest.mark.parametrize("client_auth", ["basic", "post"])
def test_the_revocation_of_oauth(client_auth: str) -> None:
    """RFC 7009 §2.1: the client says who it is as it does for a token."""
    client = Given("me"), Given("the-secret")
    recipe = client_credentials("https://iam.example/token", *client, client_auth=client_auth)  # type: ignore[arg-type]
    asked = Revocation(URL, recipe).request("abc", {name: source.read() for name, source in recipe.sources.items()})
    form, fields = dict(parse_qsl(asked.body.decode())), dict(asked.headers)
    assert (asked.method, asked.url, form["token"], form["token_type_hint"]) == ("POST", URL, "abc", "access_token")
    if client_auth == "basic":
        assert base64.b64decode(fields["Authorization"].removeprefix("Basic ")) == b"me:the-secret"
    else:
        assert (form["client_id"], form["client_secret"]) == ("me", "the-secret")


@pytest.mark.parametrize(
    ("injection", "url", "headers"),
    [
        (Injection(), URL, (("Authorization", "Bearer abc"),)),
        (Injection(Place.FIELD, b"X-Metabase-Session", b""), URL, (("X-Metabase-Session", "abc"),)),
        (Injection(Place.QUERY, b"token"), f"{URL}?token=abc", ()),
        (Injection(Place.COOKIE, b"B1SESSION"), URL, (("Cookie", "B1SESSION=abc"),)),
    ],
)
def test_any_other(injection: Injection, url: str, headers: tuple[tuple[str, str], ...]) -> None:
    """DELETE, the token where requests carry it."""
    asked = SessionEnd(URL, injection).request("abc", SECRETS)
    assert (asked.method, asked.url, asked.headers, asked.body) == ("DELETE", url, headers, b"")


def logging_out(url: str, logout: Logout | None) -> Login:
    """Return a login that knows how to log out."""
    return Login(replace(credential(url), logout=logout), clock=FakeClock())


async def test_it_is_asked_once_and_its_answer_does_not_matter() -> None:
    """Not even one that is none."""
    async with login_server(answer(session()), answer(b"no", status="500 Oops")) as server:
        by = logging_out(server.url, PlatformLogout(server.url.replace("login", "logout")))
        identity = await by.identify()
        await by.end(await by.issue(identity), identity)
        assert server.asked[1].line == f"DELETE /iam/logout?app_id=&token={TOKEN} HTTP/1.1"
    await by.end(await logging_out_token(), identity)  # nobody listens any more


async def logging_out_token() -> Token:
    """Return a token of a login that works."""
    async with login_server() as server:
        by = logging_out(server.url, None)
        return await by.issue(await by.identify())


async def test_a_platform_that_keeps_silent_is_not_waited_for() -> None:
    """Two seconds on the clock, and the process may end."""
    clock = FakeClock()
    async with login_server(silence) as server:
        by = Login(replace(credential(), logout=PlatformLogout(server.url)), clock=clock)
        identity = await by.identify()
        token = await logging_out_token()
        ending = asyncio.create_task(by.end(token, identity))
        await server.arrived.wait()
        clock.advance(2.0)
        await ending


async def test_the_end_of_the_process_ends_the_session() -> None:
    """With the identity that has bought it, though the secrets have changed since; without a live token, nothing."""
    async with running() as it:
        it.issuer.secret = "rotated"
        await it.reuse.log_out()
        assert it.issuer.ended == [("token-1", "key of first")]
        await it.clock.elapse(1.0)
        it.issuer.gate.clear()
        it.clock.advance(1000.0)
        await settled()
        await it.reuse.log_out()
        assert len(it.issuer.ended) == 1
