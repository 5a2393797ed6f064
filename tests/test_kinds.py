"""Every kind of credential through a whole gateway: its token at each place, its file that changes, its refusal."""

import json
from dataclasses import replace

import pytest

from proxy.core.address import Upstream
from proxy.core.answers import InCookie, InField
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import UNAUTHORIZED, Credential
from proxy.core.held import Held
from proxy.core.injection import Injection, Place
from proxy.core.login_recipe import Format, LoginRecipe
from proxy.core.oauth2 import client_credentials
from proxy.core.recipe import Recipe
from tests.admin.test_listener import admin_of
from tests.core.secrets import Given
from tests.fakes.origin import OK, Visit, raw_origin
from tests.fakes.origin import UNAUTHORIZED as DEAD
from tests.fakes.products import reply
from tests.test_app import client_of, config, running

BASIC = b"dTpw"  # u:p
KINDS: dict[str, tuple[Recipe | Held, bytes]] = {
    "apikey": (ApikeyRecipe("URL", Given("key"), Given("secret")), b"json-token"),
    "oauth2": (client_credentials("URL", Given("id"), Given("secret")), b"oauth-token"),
    "recipe, field": (
        LoginRecipe("URL", InField("X-Token"), None, "PUT", Format.FORM, {"p": Given("s")}),
        b"field-token",
    ),
    "recipe, cookie": (LoginRecipe("URL", InCookie("SID"), method="GET"), b"cookie-token"),
    "static": (Held(Given("static-token")), b"static-token"),
    "basic": (Held(Given("p"), Given("u")), BASIC),
}
PLACES: dict[str, tuple[Injection, bytes]] = {
    "Bearer": (Injection(), b"\r\nAuthorization: Bearer %b\r\n"),
    "template": (Injection(Place.FIELD, b"X-Key", b"key=", b";"), b"\r\nX-Key: key=%b;\r\n"),
    "query": (Injection(Place.QUERY, b"access", b""), b"GET /x?y=1&access=%b HTTP/1.1\r\n"),
    "cookie": (Injection(Place.COOKIE, b"SID", b""), b"\r\nCookie: theirs=1; SID=%b\r\n"),
}
LOGGED_IN = reply(200, {"token": "json-token", "access_token": "oauth-token"}).replace(
    b"\r\n\r\n", b"\r\nX-Token: field-token\r\nSet-Cookie: SID=cookie-token; Path=/; HttpOnly\r\n\r\n", 1
)


async def platform(visit: Visit) -> None:
    """Let everybody in, and answer everything else with OK."""
    while True:
        arrived = await visit.request()
        await visit.send(LOGGED_IN if b" /login " in arrived.line else OK)


def at(recipe: Recipe | Held, port: int) -> Recipe | Held:
    """Return a recipe with its login on a loopback port."""
    if isinstance(recipe, Held):
        return recipe
    assert isinstance(recipe, ApikeyRecipe | LoginRecipe)
    return replace(recipe, url=f"http://127.0.0.1:{port}/login")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_the_token_of_every_kind_stands_where_it_is_told_to(kind: str, place: str) -> None:
    """In the place of what the caller sent there, and nowhere else."""
    (recipe, token), (injection, expected) = KINDS[kind], PLACES[place]
    async with raw_origin(platform) as origin:
        base = config(origin.port)
        route = replace(base.routes[0], injection=injection)
        credential = Credential("default", at(recipe, origin.port))
        settings = replace(base, routes=(route,), credentials={"default": credential})
        async with running(settings) as app, client_of(app) as client:
            lines = ("Authorization: Bearer mine", "X-Key: mine", "Cookie: theirs=1; SID=mine")
            answer = await client.get("/x?access=mine&y=1", *lines)
    head = origin.arrived[-1].head
    assert answer.status == 200
    assert expected % token in head
    assert head.count(token) == 1
    assert head.count(b"mine") == 3


async def test_a_held_secret_that_is_refused_reaches_the_client() -> None:
    """There is no other to try: the origin's own answer is passed on, and the origin is not asked for ever."""

    async def refuse(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(DEAD)

    async with raw_origin(refuse) as origin:
        base = config(origin.port)
        credential = Credential("default", Held(Given("dead")), reject=UNAUTHORIZED)
        async with running(replace(base, credentials={"default": credential})) as app, client_of(app) as client:
            answers = [await client.get() for _ in range(20)]
    assert {(answer.status, answer.body) for answer in answers} == {(401, b"dead")}
    assert len(origin.arrived) <= 22


async def test_the_status_of_what_has_no_end() -> None:
    """Ready and live at once; no expiry is told, and the metric of expiries has no series for it."""
    async with raw_origin() as origin:
        base = config(origin.port)
        credential = Credential("default", Held(Given("t0ken")))
        route = replace(base.routes[0], upstream=Upstream("http", "127.0.0.1", origin.port))
        settings = replace(base, routes=(route,), credentials={"default": credential})
        async with running(settings) as app, admin_of(app) as admin, client_of(app) as client:
            assert (await client.get()).status == 200
            assert (await admin.get("/readyz"))[0] == 200
            status = json.loads((await admin.get("/status"))[1])["credentials"]["default"]
            metrics = (await admin.get("/metrics"))[1]
    assert (status["live"], status["token"], status["expires"], status["next_login"]) == (True, "fresh", None, None)
    assert 'iam_proxy_credential_live{credential="default"} 1.0' in metrics
    assert "token_expiry_timestamp_seconds{" not in metrics
    assert "t0ken" not in json.dumps(status) + metrics
