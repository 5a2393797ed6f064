"""The platform over real sockets, as a program meets it."""

import asyncio
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from proxy.sandbox import LoggedIn, Sandbox
from proxy.sandbox.events import Event

KEYS = {"auth_mode": "apikey", "apikey": "demo-key", "secretkey": "demo-secret"}


@dataclass
class Clock:
    """The platform's clock, which a test moves."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@dataclass
class Platform:
    """A running platform and a client of it."""

    sandbox: Sandbox
    session: aiohttp.ClientSession
    base: str
    clock: Clock
    events: list[Event] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:  # noqa: ANN401  what aiohttp takes
        """Return status and body, JSON decoded."""
        async with self.session.request(method, self.base + path, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" and text else text

    async def login(self) -> str:
        """Return a token."""
        _, answer = await self.ask("POST", "/iam/login", json=KEYS)
        token: str = answer["token"]
        return token

    async def bearer(self) -> dict[str, str]:
        """Return the fields of a request with a new token."""
        return {"Authorization": f"Bearer {await self.login()}"}


@contextlib.asynccontextmanager
async def platform(*, ttl: float = 3600.0, sliding: bool = False) -> AsyncIterator[Platform]:
    """Run a platform on a free port."""
    clock, events = Clock(), list[Event]()
    sandbox = Sandbox(clock=clock, on_event=events.append, ttl=ttl, sliding=sliding)
    host, port = await sandbox.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Platform(sandbox, session, f"http://{host}:{port}", clock, events)
    finally:
        await sandbox.close()


@pytest.mark.parametrize("path", ["/iam/login", "/iam/v4/login", "/cam/login", "/cam/v4/login"])
async def test_a_login_gives_what_the_platform_gives(path: str) -> None:
    """An opaque hexadecimal token among the documented fields, the expiry with its stray space."""
    async with platform(ttl=600.0) as it:
        status, answer = await it.ask("POST", path, json=KEYS)
        form_status, _ = await it.ask("POST", path, data=KEYS)
    assert (status, form_status, it.sandbox.logins) == (200, 200, 2)
    assert int(answer["token"], 16)
    assert answer["token_duration"] == 600
    assert answer["token_expire"] == "2023-11-14T22:23:20.000Z "
    assert {"uid", "user", "firstname", "lastname", "civility", "login", "password_renew"} <= answer.keys()
    assert it.events[0] == LoggedIn(f"…{answer['token'][-4:]}", 600.0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps({**KEYS, "secretkey": "x"}), 401),
        (json.dumps({**KEYS, "auth_mode": "memory"}), 401),
        (json.dumps({**KEYS, "apikey": None}), 401),
        ("{}", 401),
        ("[]", 400),
        ("rubbish", 400),
        ("", 400),
    ],
)
async def test_a_login_that_fails(body: str, status: int) -> None:
    """Wrong keys are 401, a body that is none is 400; both are counted apart."""
    async with platform() as it:
        assert (await it.ask("POST", "/iam/login", data=body, headers={"Content-Type": "application/json"}))[
            0
        ] == status
    assert (it.sandbox.logins, it.sandbox.failed_logins) == (0, 1)


async def test_a_token_is_wanted_and_dies() -> None:
    """401 without one; with one 200, until its time is over; the query takes it too."""
    async with platform(ttl=60.0) as it:
        assert (await it.ask("GET", "/qb/query"))[0] == 401
        token = await it.login()
        fields = {"Authorization": f"Bearer {token}"}
        assert (await it.ask("GET", "/qb/query", headers=fields))[0] == 200
        assert (await it.ask("POST", f"/qb/query?token={token}"))[0] == 200
        it.clock.now += 60
        status, answer = await it.ask("GET", "/qb/query", headers=fields)
    assert (status, answer) == (401, {"error": "Unauthorized", "success": False, "status": 401, "duration": 0})


async def test_sliding_tokens_live_on_with_use() -> None:
    """Each use extends the life."""
    async with platform(ttl=60.0, sliding=True) as it:
        fields = await it.bearer()
        for _ in range(5):
            it.clock.now += 59
            assert (await it.ask("GET", "/qb/query", headers=fields))[0] == 200
        it.clock.now += 60
        assert (await it.ask("GET", "/qb/query", headers=fields))[0] == 401


async def test_tokens_can_be_ended_and_revoked() -> None:
    """By a logout one, by a revocation all; a session can be checked."""
    async with platform() as it:
        one, two = await it.login(), await it.login()
        assert (await it.ask("GET", f"/iam/v4/checkSession?token={one}"))[0] == 200
        assert (await it.ask("DELETE", f"/iam/logout?token={one}")) == (200, {"success": True})
        assert (await it.ask("GET", f"/iam/v4/checkSession?token={one}"))[0] == 401
        assert (await it.ask("POST", "/_sandbox/revoke")) == (200, {"revoked": 1})
        assert (await it.ask("GET", f"/qb/query?token={two}"))[0] == 401


async def test_what_arrived_is_shown_with_the_credential_masked() -> None:
    """Target byte for byte, fields in order with duplicates, body by size and digest."""
    async with platform() as it:
        fields = await it.bearer()
        reader, writer = await asyncio.open_connection(*it.base.removeprefix("http://").split(":"))
        writer.write(
            b"POST /echo/a%%2fb?x=[1]&token=hunter2hunter2 HTTP/1.1\r\n"
            b"Host: h\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n"
            b"Content-Length: 2\r\nAuthorization: %b\r\n\r\nhi" % fields["Authorization"].encode()
        )
        answer = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
        writer.close()
    assert (answer["method"], answer["target"]) == ("POST", "/echo/a%2fb?x=[1]&token=****")
    assert answer["fields"][1:3] == [["X-A", "1"], ["x-a", "2"]]
    assert answer["body"] == {"size": 2, "sha256": hashlib.sha256(b"hi").hexdigest()}
    assert fields["Authorization"].removeprefix("Bearer ") not in json.dumps(answer)


async def test_starts_are_counted() -> None:
    """No job can be started twice unnoticed."""
    async with platform() as it:
        fields = await it.bearer()
        await it.ask("POST", "/dpe/v3/actions/a1/start", headers=fields)
        await it.ask("POST", "/dpe/v3/actions/a1/start", headers=fields)
        assert (await it.ask("GET", "/dpe/v3/actions/a1", headers=fields)) == (200, {"id": "a1", "starts": 2})


async def test_downloads_and_uploads() -> None:
    """CSV in chunks, a real archive, as many bytes as asked for; uploads by size and digest."""
    async with platform() as it:
        fields = await it.bearer()
        status, text = await it.ask("GET", "/qb/query.csv?rows=2500", headers=fields)
        assert (status, len(text.splitlines())) == (200, 2501)
        async with it.session.get(f"{it.base}/dpe/v3/configurations/c.tgz", headers=fields) as answer:
            with tarfile.open(fileobj=io.BytesIO(await answer.read())) as tar:
                assert tar.getnames() == ["configuration.json"]
        async with it.session.get(f"{it.base}/dpe/v3/configurations/c.tgz?bytes=200001", headers=fields) as answer:
            assert (answer.content_length, len(await answer.read())) == (200_001, 200_001)
        whole = gzip.compress(b"content", mtime=0)
        digest = {"size": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
        form = aiohttp.FormData({"archive": io.BytesIO(whole)})
        status, told = await it.ask("POST", "/dpe/v3/configurations/c", headers=fields, data=form)
        assert (status, told["sha256"], told["size"]) == (200, digest["sha256"], digest["size"])
        assert (await it.ask("PUT", "/upload", headers=fields, data=whole)) == (200, digest)
        assert (await it.ask("POST", "/dpe/v3/configurations/c", headers=fields, data=b"x"))[0] == 400
        assert (await it.ask("GET", "/qb/query.csv?rows=many", headers=fields))[0] == 400


async def test_events_and_messages() -> None:
    """Server-sent events come one by one; a WebSocket sends everything back."""
    async with platform() as it:
        fields = await it.bearer()
        _, text = await it.ask("GET", "/events?count=3&interval=0", headers=fields)
        async with it.session.ws_connect(f"{it.base}/ws", headers=fields) as socket:
            await socket.send_str("hello")
            await socket.send_bytes(b"\x00\xff")
            said = (await socket.receive_str(), await socket.receive_bytes())
    assert text.count("data: event") == 3
    assert said == ("hello", b"\x00\xff")


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"empty": True}, 200, ""),
        ({"status": 500}, 500, {"error": "fault", "status": 500}),
        ({"status": 429}, 429, {"error": "fault", "status": 429}),
        ({"slow": 1, "status": 503}, 503, {"error": "fault", "status": 503}),
    ],
)
async def test_faults_strike_as_often_as_asked(fault: dict[str, Any], status: int, body: object) -> None:
    """A fault with `times` strikes so often, then the platform is well again."""
    async with platform() as it:
        assert (await it.ask("PUT", "/_sandbox/faults", json={"login": {**fault, "times": 2}}))[0] == 200
        for _ in range(2):
            answer = await it.ask("POST", "/iam/login", json=KEYS)
            assert (answer[0], answer[1] or "") == (status, body)
        assert (await it.ask("POST", "/iam/login", json=KEYS))[0] == 200


async def test_malformed_reset_and_hang() -> None:
    """JSON cut short, a connection reset, an answer that never comes; ending the platform ends all of it."""
    async with platform() as it:
        it.sandbox.faults = it.sandbox.faults.__class__(expiry="none")
        assert "token_expire" not in (await it.ask("POST", "/iam/login", json=KEYS))[1]
        await it.ask("PUT", "/_sandbox/faults", json={"login": {"malformed": True}})
        async with it.session.post(f"{it.base}/iam/login", json=KEYS) as answer:
            assert await answer.text() == '{"token": '
        await it.ask("PUT", "/_sandbox/faults", json={"api": {"reset": True}})
        with pytest.raises(aiohttp.ClientError):
            await it.ask("GET", "/")
        await it.ask("PUT", "/_sandbox/faults", json={"api": {"hang": True}})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await it.ask("GET", "/")


async def test_live_tokens_can_be_refused_all_the_same() -> None:
    """Every n-th, or always; as 401 or as the platform's 403; and a 403 that is about rights."""
    async with platform() as it:
        fields = await it.bearer()
        await it.ask("PUT", "/_sandbox/faults", json={"unauthorized_every": 3})
        statuses = [(await it.ask("GET", "/qb/query", headers=fields))[0] for _ in range(6)]
        assert statuses == [200, 200, 401, 200, 200, 401]
        await it.ask("PUT", "/_sandbox/faults", json={"unauthorized_always": True, "dead_token_status": 403})
        status, answer = await it.ask("GET", "/qb/query", headers=fields)
        assert (status, answer["message"]) == (403, "FpCam::Invalid token")
        await it.ask("PUT", "/_sandbox/faults", json={})
        status, answer = await it.ask("GET", "/forbidden", headers=fields)
        assert (status, answer["message"]) == (403, "No permission for this user")


@pytest.mark.parametrize(
    ("faults", "named"),
    [
        ({"xyz": 1}, "xyz"),
        ({"login": {"hung": True}}, "hung"),
        ({"login": 1}, "login"),
        ({"login": {"hang": 1}}, "login.hang"),
        ({"api": {"status": 42}}, "api.status"),
        ({"api": {"slow": -1}}, "api.slow"),
        ({"api": {"times": 0}}, "api.times"),
        ({"unauthorized_every": "x"}, "unauthorized_every"),
        ({"unauthorized_always": 1}, "unauthorized_always"),
        ({"dead_token_status": 404}, "dead_token_status"),
        ({"expiry": "never"}, "expiry"),
        ({"ttl": 0}, "ttl"),
        ([], "the body"),
    ],
)
async def test_faults_that_are_none_are_named(faults: object, named: str) -> None:
    """400 with the key; what was switched on stays."""
    async with platform() as it:
        await it.ask("PUT", "/_sandbox/faults", json={"unauthorized_every": 7})
        status, answer = await it.ask("PUT", "/_sandbox/faults", json=faults)
        assert (await it.ask("PUT", "/_sandbox/faults", data=b"{"))[0] == 400
        assert (await it.ask("GET", "/_sandbox/faults"))[1]["unauthorized_every"] == 7
    assert (status, answer["error"].partition(":")[0]) == (400, named)


async def test_lifetimes_can_be_changed_while_it_runs() -> None:
    """`ttl` and `sliding` beat what the platform was started with; the state tells what happened."""
    async with platform(ttl=60.0) as it:
        await it.ask("PUT", "/_sandbox/faults", json={"ttl": 5, "sliding": True})
        assert (await it.ask("POST", "/iam/login", json=KEYS))[1]["token_duration"] == 5
        state = (await it.ask("GET", "/_sandbox/state"))[1]
    assert state == {"logins": 1, "failed_logins": 0, "requests": 0, "sessions": 1, "starts": {}}


async def test_statuses_on_demand_and_the_index() -> None:
    """Any final status; the index says what to try, and wants no token."""
    async with platform() as it:
        fields = await it.bearer()
        assert (await it.ask("GET", "/status/418", headers=fields))[0] == 418
        assert (await it.ask("GET", "/status/99", headers=fields))[0] == 400
        assert "try" in (await it.ask("GET", "/"))[1]


async def test_a_port_that_is_taken() -> None:
    """The system's own error passes to whoever started it."""
    async with platform() as it:
        port = int(it.base.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            await Sandbox().start("127.0.0.1", port)
