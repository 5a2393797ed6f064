"""`examples/superset.toml` in front of Apache Superset."""

import contextlib
from pathlib import Path

import httpx
import pytest

from proxy.config.settings import Config
from proxy.core.token_events import LoginFailed, Outcome, Reason, TokenRefused
from tests.examples import example
from tests.interop.stage import httpx_client
from tests.platforms.front import front
from tests.platforms.superset_server import PASSWORD, USERNAME, Superset

pytestmark = pytest.mark.long

KEY, NEXT_KEY = "a key for signing, at least so long", "the key that came after it, as long"
QUERY = {"datasource": {"id": 1, "type": "table"}, "queries": [{"columns": ["none"]}]}
LIFETIME = 15 * 60  # of Superset's tokens, seconds


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Superset:
    """Superset with tables and an administrator."""
    prepared = Superset(tmp_path_factory.mktemp("superset"))
    prepared.prepare()
    return prepared


def config(port: int, folder: Path, password: str = PASSWORD) -> Config:
    """Return the example for a loopback port."""
    return example("superset", folder, {"superset.example.com": port}, {"SUPERSET_PASSWORD": password})


async def csrf(client: httpx.AsyncClient) -> dict[str, str]:
    """Return the field that a request which changes something needs, beside the cookie that the client keeps."""
    return {"X-CSRFToken": (await client.get("/api/v1/security/csrf_token/")).json()["result"]}


async def test_a_client_without_a_token_reads(superset: Superset, tmp_path: Path) -> None:
    """What Superset refuses a client without one, it answers through the gateway; the token lives as its `exp` says."""
    async with superset.serving(KEY) as port, front(config(port, tmp_path)) as gateway:
        async with httpx_client(port) as direct:
            assert (await direct.get("/api/v1/me/")).status_code == 401
        me = await gateway.http.get("/api/v1/me/", headers={"Authorization": "Bearer mine"})
        charts = await gateway.http.get("/api/v1/chart/")
        login = await gateway.login(Reason.START)
    assert (me.status_code, me.json()["result"]["username"]) == (200, USERNAME)
    assert (charts.status_code, charts.json()["count"]) == (200, 0)
    assert LIFETIME - 60 < login.lifetime <= LIFETIME
    assert gateway.told.empty()


async def test_a_client_changes_something_with_superset_s_csrf_token(superset: Superset, tmp_path: Path) -> None:
    """Only a query goes without; neither the 400 for the lack of it nor a 422 about the body causes a login."""
    async with superset.serving(KEY) as port, front(config(port, tmp_path)) as gateway:
        dashboard, dataset = {"dashboard_title": "made"}, {"database": 1, "table_name": "none"}
        query = await gateway.http.post("/api/v1/chart/data", json=QUERY)
        without = await gateway.http.post("/api/v1/dashboard/", json=dashboard)
        field = await csrf(gateway.http)
        made = await gateway.http.post("/api/v1/dashboard/", json=dashboard, headers=field)
        wrong = await gateway.http.post("/api/v1/dataset/", json=dataset, headers=field)
        there = await gateway.http.get("/api/v1/dashboard/")
        await gateway.login(Reason.START)
    assert query.status_code == 404
    assert (without.status_code, "The CSRF token is missing" in without.text) == (400, True)
    assert made.status_code == 201
    assert wrong.status_code == 422
    assert [each["dashboard_title"] for each in there.json()["result"]] == ["made"]
    assert gateway.told.empty()


async def test_a_token_that_a_new_key_has_killed_costs_one_login_and_one_replay(
    superset: Superset, tmp_path: Path
) -> None:
    """Superset answers 422 to it, after a restart with another SECRET_KEY; the client notices nothing."""
    async with contextlib.AsyncExitStack() as before:
        port = await before.enter_async_context(superset.serving(KEY))
        async with front(config(port, tmp_path)) as gateway:
            assert (await gateway.http.get("/api/v1/me/")).status_code == 200
            await before.aclose()
            async with superset.serving(NEXT_KEY, port):
                answers = [await gateway.http.get("/api/v1/me/") for _ in range(2)]
            await gateway.login(Reason.START)
            assert isinstance(await gateway.told.get(), TokenRefused)
            await gateway.login(Reason.REFUSAL)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [fact.replay for fact in gateway.finished] == [None, "accepted", None]
    assert gateway.told.empty()


async def test_a_wrong_password_is_said_and_not_tried_again(superset: Superset, tmp_path: Path) -> None:
    """The client is told whose fault it is; an account is not locked by tries that cannot succeed."""
    async with superset.serving(KEY) as port, front(config(port, tmp_path, "wrong")) as gateway:
        answers = [await gateway.http.get("/api/v1/me/") for _ in range(5)]
        failed = await gateway.told.get()
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(502, "login_rejected")] * 5
    assert isinstance(failed, LoginFailed)
    assert (failed.outcome, failed.cause) == (Outcome.REJECTED, "status 401")
    assert gateway.told.empty()
