"""The admin listener over real sockets, in front of a running gateway."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict

from proxy.admin.listener import listen
from proxy.app import App
from proxy.core.address import TcpAddress
from proxy.listen import bound, open_socket
from proxy.metrics import Metrics
from proxy.view import AppView
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.test_app import ask, config, running


@dataclass
class Admin:
    """A client of the admin listener."""

    session: aiohttp.ClientSession
    base: str

    async def get(self, path: str, **fields: str) -> tuple[int, str]:
        """Return status and text of a GET."""
        async with self.session.get(self.base + path, headers=fields) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str) -> tuple[int, str]:
        """Return status and text of a POST."""
        async with self.session.post(self.base + path) as answer:
            return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def admin_of(app: App) -> AsyncIterator[Admin]:
    """Run an admin listener for a gateway."""
    sock = open_socket(TcpAddress("127.0.0.1", 0))
    runner = await listen(AppView(app, Metrics()), sock)
    try:
        async with aiohttp.ClientSession() as session:
            yield Admin(session, f"http://{bound(sock)}")
    finally:
        await runner.cleanup()


async def test_ready_once_every_credential_is_live() -> None:
    """/livez always, /readyz with a token; the status shows credential and route, and no token."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, admin_of(app) as admin:
        assert await ask(app) == 200
        assert (await admin.get("/livez"))[0] == 200
        assert (await admin.get("/readyz"))[0] == 200
        status, text = await admin.get("/status")
        exposition = (await admin.get("/metrics"))[1]
    assert status == 200
    assert '"live": true' in text
    assert '"reused"' in text
    assert "secret" not in text
    assert not any(f'"{token}"' in text for token in platform.live)
    assert "iam_proxy_token_expiry_timestamp_seconds{" in exposition


async def test_not_ready_says_why() -> None:
    """503 with the reason for each credential; alive all the same."""
    platform = Platform()
    async with (
        raw_origin(platform.visit) as origin,
        running(config(origin.port, key="no")) as app,
        admin_of(app) as admin,
    ):
        assert await ask(app) == 502
        status, text = await admin.get("/readyz")
        assert (await admin.get("/livez"))[0] == 200
    assert status == 503
    assert '"default": "login rejected' in text


async def test_a_forced_login() -> None:
    """POST /refresh/NAME logs in anew; an unknown name is 404, a failure is told."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app, admin_of(app) as admin:
        assert await ask(app) == 200
        while (await admin.post("/refresh/default"))[0] == 503:
            assert platform.logins == 1  # at most one login a second
        assert platform.logins == 2
        assert (await admin.post("/refresh/other"))[0] == 404
        platform.login_reply = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        status, text = await admin.post("/refresh/default")
        assert (await admin.get("/refresh/default"))[0] == 405
    assert status == 503
    assert '"code":"login_unavailable"' in text


async def test_pages_and_strangers_are_refused() -> None:
    """Cross-site requests and foreign Host names get nothing but the refusal."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, admin_of(app) as admin:
        assert (await admin.get("/status", Origin="https://evil.example"))[0] == 403
        assert (await admin.get("/status", Host="evil.example"))[0] == 421
        assert (await admin.get("/status", Origin=admin.base))[0] == 200
        twice = CIMultiDict((("Origin", admin.base), ("Origin", "https://evil.example")))
        async with admin.session.get(f"{admin.base}/status", headers=twice) as answer:
            assert answer.status == 403
        assert (await admin.get("/nothing"))[0] == 404
