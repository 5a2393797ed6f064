"""A whole gateway with `scrub` before an origin that says all it knows: keys, tokens, and what it was sent."""

import base64
from dataclasses import replace
from urllib.parse import quote

import pytest

from proxy.core.answers import InJson
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential
from proxy.core.held import Held
from proxy.core.injection import Injection
from proxy.core.login_recipe import Format, LoginRecipe
from proxy.core.oauth2 import client_credentials
from proxy.core.recipe import Recipe
from tests.core.secrets import Given
from tests.fakes.origin import Visit, raw_origin
from tests.fakes.products import reply
from tests.test_app import client_of, config, running
from tests.test_kinds import PLACES, at

pytestmark = pytest.mark.usefixtures("loop_factory")

KEY, SECRET, TOKEN, USERNAME = "api-key-4711", "s3cr3t/with+m&rks", "f54e34a56b897=/+", "the-user-name"
FORM = {"username": Given(USERNAME), "k": Given(KEY), "p": Given(SECRET)}
KINDS: dict[str, tuple[Recipe | Held, tuple[str, ...]]] = {
    "apikey": (ApikeyRecipe("URL", Given(KEY), Given(SECRET)), (KEY, SECRET, TOKEN)),
    "oauth2": (client_credentials("URL", Given(USERNAME), Given(SECRET)), (SECRET, TOKEN)),
    "recipe": (LoginRecipe("URL", InJson(("token",)), format=Format.FORM, body=FORM), (KEY, SECRET, TOKEN)),
    "static": (Held(Given(TOKEN)), (TOKEN,)),
    "basic": (Held(Given(SECRET), Given(USERNAME)), (SECRET,)),
}


def carriers(secret: str) -> list[bytes]:
    """Return a secret as pages and logs show it."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * before + raw) for before in (0, 1, 2)]
    return [raw, quote(raw).encode(), quote(raw, safe="").encode(), *encoded]


async def told_by(recipe: Recipe | Held, injection: Injection) -> tuple[bytes, bytes]:
    """Return what the origin answers to one request, and what the client hears of it."""
    told: list[bytes] = []

    async def platform(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            if b" /login " in arrived.line:
                await visit.send(reply(200, {"token": TOKEN, "access_token": TOKEN}))
                continue
            told.append(b"\n".join([arrived.head, USERNAME.encode(), *carriers(KEY), *carriers(SECRET)]))
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told[0]), told[0]))

    async with raw_origin(platform) as origin:
        base = config(origin.port)
        route = replace(base.routes[0], injection=injection, scrub=True)
        credential = Credential("default", at(recipe, origin.port))
        settings = replace(base, routes=(route,), credentials={"default": credential})
        async with running(settings) as app, client_of(app) as client:
            heard = (await client.get("/x")).body
    return told[0], heard


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_gateway_was_given_stays_with_it(kind: str, place: str) -> None:
    """Every secret and the token of every kind, wherever it was injected, as it is or encoded; a name is shown."""
    recipe, secrets = KINDS[kind]
    token = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode() if kind == "basic" else TOKEN
    told, heard = await told_by(recipe, PLACES[place][0])
    assert any(form in told.partition(b"\r\n\r\n")[0] for form in carriers(token))
    assert len(heard) == len(told)
    for secret in (*secrets, token):
        assert not any(form in heard for form in carriers(secret))
    assert heard.split(b"\n").count(USERNAME.encode()) == 1
