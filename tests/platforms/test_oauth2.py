"""`examples/oauth2.toml` in front of oidc-provider and a resource that takes its tokens, each as others run it."""

import asyncio
from pathlib import Path

import pytest

from proxy.config.settings import Config
from proxy.core.token_events import Reason, TokenRefused
from tests.examples import example
from tests.platforms.front import front
from tests.platforms.oidc_server import AUDIENCE, BASIC, POST, Client, OidcServer, oidc_server

KEY = "IAM_PROXY__CREDENTIALS__SSO__"
OTHER = f"{AUDIENCE}/v1"


def config(server: OidcServer, folder: Path, client: Client = POST, secret: str = "", **more: str) -> Config:
    """Return the example with a client of this server, its secret or another one, and more keys of the credential."""
    keys = {"CLIENT_ID": client.id, "CLIENT_AUTH": client.way, **more}
    ports = {"sso.example.com": server.port, "api.example.com": server.port}
    variables = {f"{KEY}{name}": value for name, value in keys.items()}
    return example("oauth2", folder, ports, {"CLIENT_SECRET": secret or client.secret, **variables})


@pytest.mark.parametrize("client", [BASIC, POST], ids=lambda client: client.way)
@pytest.mark.parametrize(
    ("keys", "audience"),
    [
        ({}, AUDIENCE),
        ({"AUDIENCE": OTHER}, OTHER),
        ({"PARAMS": f'{{ resource = "{OTHER}" }}'}, OTHER),
    ],
    ids=["neither", "audience", "resource"],
)
async def test_a_client_without_a_token_is_answered(
    client: Client, keys: dict[str, str], audience: str, tmp_path: Path
) -> None:
    """It authenticates either way, scope and audience arrive, and the login's `expires_in` is the token's lifetime."""
    async with oidc_server(ttl=900) as server, front(config(server, tmp_path, client, **keys)) as gateway:
        answer = await gateway.http.post("/api/charts", content=b"a chart")
        login = await gateway.login(Reason.START)
        assert await server.seen() == (1, 0, 0)
    told = answer.json()
    assert (answer.status_code, told["method"], told["path"], told["body"]) == (200, "POST", "/api/charts", "a chart")
    assert (told["client"], told["audience"], told["scope"]) == (client.id, audience, "read")
    assert 900 - 60 < login.lifetime <= 900


async def test_a_revoked_token_costs_one_login_and_each_request_one_replay(tmp_path: Path) -> None:
    """All who held it are answered with the token of the one login."""
    async with oidc_server() as server, front(config(server, tmp_path)) as gateway:
        revoked = (await gateway.http.get("/api/charts")).json()["token"]
        await server.revoke(revoked)
        answers = await asyncio.gather(*(gateway.http.post("/api/charts", content=b"%d" % n) for n in range(10)))
        granted, refused, dead = await server.seen()
        await gateway.login(Reason.START)
        assert isinstance(await gateway.told.get(), TokenRefused)
        await gateway.login(Reason.REFUSAL)
    assert [answer.status_code for answer in answers] == [200] * 10
    assert [answer.json()["body"] for answer in answers] == [str(n) for n in range(10)]
    tokens = {answer.json()["token"] for answer in answers}
    assert len(tokens) == 1
    assert revoked not in tokens
    assert (granted, refused, gateway.told.qsize()) == (2, 0, 0)
    assert dead == sum(fact.replay == "accepted" for fact in gateway.finished) >= 1
    assert max(fact.attempts for fact in gateway.finished) == 2


@pytest.mark.parametrize("client", [BASIC, POST], ids=lambda client: client.way)
async def test_a_wrong_secret_is_said_and_not_tried_again(client: Client, tmp_path: Path) -> None:
    """The server answers 401 (RFC 6749 §5.2): the client is told whose fault it is, and one login is all there is."""
    async with oidc_server() as server, front(config(server, tmp_path, client, "wrong")) as gateway:
        answers = [await gateway.http.get("/api/charts") for _ in range(5)]
        assert await server.seen() == (0, 1, 0)
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(502, "login_rejected")] * 5


async def test_an_audience_that_the_server_does_not_know(tmp_path: Path) -> None:
    """It answers 400, which says nothing about the secret: no token, and the login backs off."""
    async with (
        oidc_server() as server,
        front(config(server, tmp_path, AUDIENCE="https://elsewhere.example.com")) as gateway,
    ):
        answers = [await gateway.http.get("/api/charts") for _ in range(5)]
        assert await server.seen() == (0, 1, 0)
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "login_unavailable")] * 5
    assert int(answers[0].headers["Retry-After"]) >= 1


async def test_a_scope_that_is_not_enough_is_no_dead_token(tmp_path: Path) -> None:
    """The resource's 403 (RFC 6750 §3.1, insufficient_scope) goes to the client, and causes no login."""
    async with oidc_server() as server, front(config(server, tmp_path, SCOPE="write")) as gateway:
        answers = [await gateway.http.get("/api/charts") for _ in range(5)]
        assert await server.seen() == (1, 0, 0)
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(403, "insufficient_scope")] * 5


async def test_a_short_lived_token_is_refreshed_before_it_dies(tmp_path: Path) -> None:
    """`expires_in` is kept: the token in use changes twice, and the resource has never found one dead."""
    async with oidc_server(ttl=2) as server, front(config(server, tmp_path)) as gateway:
        tokens = []
        for reason in (Reason.START, Reason.AHEAD, Reason.AHEAD):
            login = await gateway.login(reason)
            assert login.lifetime <= 2
            answer = await gateway.http.get("/api/charts")
            assert answer.status_code == 200
            tokens.append(answer.json()["token"])
        assert await server.seen() == (3, 0, 0)
    assert len(set(tokens)) == 3
