"""Each example configuration, through a whole gateway: the login that it describes, its token, its end."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.app import App
from proxy.config.settings import Config
from proxy.core.held import basic
from proxy.core.token_events import LoginSucceeded
from proxy.sandbox import Sandbox
from tests.examples import FOLDER, example
from tests.fakes.gateway import Answered
from tests.fakes.origin import RawOrigin, raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.products import Airflow, Directus, Metabase, OAuthServer, Product, Superset, Vault
from tests.test_app import Seen, client_of, running

DOCUMENTS = [FOLDER.parent / "docs" / name for name in ("credentials.md", "front-ends.md")]
# A fake or the thing itself.
AGAINST = {"the bundled platform", "a real oidc-provider", "real Apache Superset", "a fake", "a real browser"}


@dataclass(frozen=True)
class Case:
    """An example, the fake of its product, and what is to come of it."""

    name: str
    product: type[Product]
    hosts: tuple[str, ...]
    secret: str
    line: bytes  # of the credential, with {} for the token
    more: tuple[tuple[str, str], ...] = ()
    rejected: bool = True

    def config(self, folder: Path, port: int, secret: str = "right") -> Config:
        """Return the configuration, all of whose hosts are the one on this port."""
        return example(self.name, folder, dict.fromkeys(self.hosts, port), {self.secret: secret, **dict(self.more)})


BEARER = b"Authorization: Bearer %b\r\n"
CASES = [
    Case("oauth2", OAuthServer, ("sso.example.com", "api.example.com"), "CLIENT_SECRET", BEARER),
    Case("superset", Superset, ("superset.example.com",), "SUPERSET_PASSWORD", BEARER),
    Case("airflow", Airflow, ("airflow.example.com",), "AIRFLOW_PASSWORD", BEARER),
    Case(
        "vault",
        Vault,
        ("vault.example.com",),
        "secret_id",
        b"X-Vault-Token: %b\r\n",
        (("VAULT_ROLE_ID", "role"),),
        rejected=False,  # it answers 400, which says less than 401
    ),
    Case("metabase", Metabase, ("metabase.example.com",), "METABASE_PASSWORD", b"X-Metabase-Session: %b\r\n"),
    Case("directus", Directus, ("directus.example.com",), "DIRECTUS_PASSWORD", BEARER),
]

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


async def asked(app: App, target: str = "/x", *lines: str) -> Answered:
    """Send one request on a connection of its own and return the answer."""
    async with client_of(app) as client:
        return await client.get(target, *lines)


def forwarded(origin: RawOrigin) -> list[bytes]:
    """Return the heads of the requests that were no logins."""
    return [arrived.head for arrived in origin.arrived if arrived.line.startswith(b"GET")]


@each
async def test_a_cold_request_is_answered_with_the_token_in_its_place(case: Case, tmp_path: Path) -> None:
    """The documented login, once; the token where the product reads it; the lifetime that the answer tells."""
    product, seen = case.product(), Seen()
    async with raw_origin(product.visit) as origin, running(case.config(tmp_path, origin.port), seen) as app:
        statuses = {(await asked(app)).status for _ in range(3)}
    (token,) = product.live
    assert (statuses, product.logins, product.failed) == ({200}, 1, 0)
    assert all(case.line % token.encode() in head for head in forwarded(origin))
    (login,) = (event for event in seen.tokens if isinstance(event, LoginSucceeded))
    assert product.lifetime - 60 < login.lifetime <= product.lifetime


@each
async def test_a_revoked_token_costs_one_login_and_a_replay(case: Case, tmp_path: Path) -> None:
    """The product's own answer to a dead token is recognised; no caller sees it."""
    product = case.product()
    async with raw_origin(product.visit) as origin, running(case.config(tmp_path, origin.port)) as app:
        assert (await asked(app)).status == 200
        product.live.clear()
        answers = await asyncio.gather(*(asked(app) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert product.logins == 2


@each
async def test_a_lack_of_rights_costs_no_login(case: Case, tmp_path: Path) -> None:
    """A 403 that says nothing of the token is passed on as it came."""
    product = case.product()
    async with raw_origin(product.visit) as origin, running(case.config(tmp_path, origin.port)) as app:
        answers = [await asked(app, "/forbidden") for _ in range(3)]
    assert [answer.status for answer in answers] == [403] * 3
    assert product.logins == 1


@each
async def test_wrong_keys_are_said_and_not_tried_again(case: Case, tmp_path: Path) -> None:
    """502 and `login_rejected`; where the product answers 400, 503 and `login_unavailable`. One login in all."""
    product = case.product()
    async with raw_origin(product.visit) as origin, running(case.config(tmp_path, origin.port, "wrong")) as app:
        answers = [await asked(app) for _ in range(10)]
    status, code = (502, b"login_rejected") if case.rejected else (503, b"login_unavailable")
    assert all(answer.status == status and code in answer.body for answer in answers)
    assert (product.logins, product.failed, forwarded(origin)) == (0, 1, [])


PLATFORM = "my-project.eu.dataplatform.ovh.net"
TRINO = "my-project-query.eu.dataplatform.ovh.net"


async def test_the_data_platform(tmp_path: Path) -> None:
    """A first request, a revoked token, the login path denied, wrong keys: against the bundled platform."""
    platform = Sandbox(apikey="key", secretkey="right")
    _, port = await platform.start("127.0.0.1", 0)
    try:
        secrets = {"IAM_APIKEY": "key", "secretkey": "right"}
        settings = example("data-platform", tmp_path, {PLATFORM: port, TRINO: 1}, secrets)
        assert settings.warnings == ()
        async with running(settings) as app:
            assert (await asked(app, "/qb/query")).status == 200
            platform.revoke_all()
            assert (await asked(app, "/qb/query")).status == 200
            assert (await asked(app, "/iam/login")).status == 403
            assert platform.logins == 2
            signed = "Authorization: AWS4-HMAC-SHA256 Credential=x"
            assert (await asked(app, "/qb/query", signed)).status == 403
        assert (platform.logins, platform.failed_logins) == (2, 0)
        wrong = example("data-platform", tmp_path, {PLATFORM: port, TRINO: 1}, secrets | {"secretkey": "wrong"})
        async with running(wrong) as app:
            answer = await asked(app, "/qb/query")
        assert (answer.status, b"login_rejected" in answer.body) == (502, True)
    finally:
        await platform.close()


async def test_the_data_platforms_other_places(tmp_path: Path) -> None:
    """The token in the query of a prediction, none for a bucket, the keys as Basic for Trino."""
    async with raw_origin(Platform().visit) as origin:
        ports = {PLATFORM: origin.port, TRINO: origin.port}
        settings = example("data-platform", tmp_path, ports, {"IAM_APIKEY": APIKEY, "secretkey": SECRETKEY})
        async with running(settings) as app, client_of(app) as client:
            await client.get("/ml/predict?x=1&token=mine")
            await client.get("/datastore/b", "Authorization: AWS4-HMAC-SHA256 x")
            await client.send(b"GET /v1/statement HTTP/1.1\r\nHost: trino.localhost:8080\r\n\r\n")
            await client.answer()
    heads = b"".join(forwarded(origin))
    assert b"GET /ml/predict?x=1&token=token-1-of-the-platform HTTP/1.1\r\n" in heads
    assert b"token=mine" not in heads
    assert b"Authorization: AWS4-HMAC-SHA256 x\r\n" in heads
    assert f"Authorization: Basic {basic(APIKEY, SECRETKEY)}\r\n".encode() in heads


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_the_documentation_tells_of_each_example(file: Path) -> None:
    """And against what it has been tested."""
    pages = "".join(document.read_text("utf-8") for document in DOCUMENTS)
    row = re.search(rf"\[{file.name}\]\(\.\./examples/{file.name}\).*\|([^|\n]*)\|\n", pages)
    assert row
    assert row[1].strip() in AGAINST
