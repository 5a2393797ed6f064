"""The admin listener over real sockets, in front of a running gateway."""

import contextlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict

from proxy.admin.door import CONNECTIONS
from proxy.admin.guard import Guard
from proxy.admin.listener import listen
from proxy.app import App
from proxy.config.settings import Log
from proxy.core.address import TcpAddress
from proxy.listen import bound, open_socket
from proxy.log import Output
from proxy.metrics import Metrics
from proxy.view import AppView
from tests.fakes.gateway import RawClient
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

    async def put(self, path: str, text: str) -> tuple[int, str]:
        """Return status and text of a PUT."""
        async with self.session.put(self.base + path, data=text) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str) -> tuple[int, str]:
        """Return status and text of a POST."""
        async with self.session.post(self.base + path) as answer:
            return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def admin_of(app: App) -> AsyncIterator[Admin]:
    """Run an admin listener for a gateway."""
    sock = open_socket(TcpAddress("127.0.0.1", 0))
    view = AppView(app, Metrics(), Output(Log(), io.StringIO()))
    runner = await listen(view, sock, Guard(app.hosts))
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
        assert (await admin.post("/refresh/default"))[0] == 200  # though within a second of the login before it
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


async def test_whoever_holds_connections_open_keeps_nobody_out() -> None:
    """Heads that never end, in any number: the oldest are ended, and there are no more than a few files of them."""
    async with (
        raw_origin(Platform().visit) as origin,
        running(config(origin.port)) as app,
        admin_of(app) as admin,
        contextlib.AsyncExitStack() as stack,
    ):
        port = int(admin.base.rpartition(":")[2])
        slow = [await stack.enter_async_context(RawClient.to(port)) for _ in range(3 * CONNECTIONS)]
        for client in slow:
            await client.send(b"GET /livez HTTP/1.1\r\nHo")
        assert (await admin.get("/livez"))[0] == 200
        for client in slow[:CONNECTIONS]:
            assert await client.ended()
        await slow[-1].send(b"st: localhost\r\n\r\n")
        assert (await slow[-1].answer()).status == 200


async def test_the_log_is_adjusted_while_it_runs() -> None:
    """GET tells how it is written, PUT changes some of it; what is wrong is said, and changes nothing."""
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, admin_of(app) as admin:
        before = json.loads((await admin.get("/log"))[1])
        status, text = await admin.put("/log", '{"level": "debug", "sample": 0.25}')
        changed = json.loads(text)
        assert changed == json.loads((await admin.get("/log"))[1])
        wrong = [
            (await admin.put("/log", body))
            for body in (
                '{"level": "loud", "smaple": 1}',
                '{"sample": 2}',
                "[]",
                "{",
                '{"level": "warning", "access": 1}',
            )
        ]
        assert changed == json.loads((await admin.get("/log"))[1])
    assert before == {"format": "auto", "level": "info", "access": True, "sample": 1.0, "dropped": 0}
    assert (status, changed) == (200, {**before, "level": "debug", "sample": 0.25})
    assert [status for status, _ in wrong] == [400] * 5
    details = [json.loads(text)["detail"] for _, text in wrong]
    assert "level: is unknown; expected 'debug', 'info', 'warning', 'error'" in details[0]
    assert "smaple: unknown key; did you mean sample?" in details[0]
    assert details[1] == "sample: is not a share; expected a number from 0 to 1"
    assert '{"level": "debug"}' in details[2]
    assert details[2] == details[3]
