"""Stopping and reloading, as the operator does it: the program as a process, and signals."""

import asyncio
import contextlib
import json
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest

from tests.conftest import TOLD
from tests.fakes.authority import Authority
from tests.fakes.gateway import Answered, RawClient
from tests.fakes.origin import OK, UNAUTHORIZED, Arrived, RawOrigin, Visit, raw_origin
from tests.fakes.process import Program, program

GET = b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n"
KEYS = frozenset(("key", "key2"))


@dataclass
class Platform:
    """Logs in whoever has one of the keys, answers at once, and at /slow once its gate is open."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    login: asyncio.Event = field(default_factory=asyncio.Event)
    logins: int = 0
    refused: int = 0
    dead: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.login.set()

    async def visit(self, visit: Visit) -> None:
        """Serve one connection."""
        while True:
            arrived = await visit.request()
            if arrived.line.startswith(b"POST /iam/login"):
                await visit.send(await self._token(arrived))
            elif arrived.line.startswith(b"GET /chat"):
                await visit.send(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
                await visit.reader.read()
            else:
                if arrived.line.startswith(b"GET /slow"):
                    await self.answers.wait()
                dead = any(b"Bearer %b\r" % token in arrived.head for token in self.dead)
                await visit.send(OK if b"Bearer t" in arrived.head and not dead else UNAUTHORIZED)

    async def _token(self, arrived: Arrived) -> bytes:
        self.logins += 1
        await self.login.wait()
        if json.loads(arrived.body)["apikey"] not in KEYS:
            self.refused += 1
            return b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
        body = b'{"token": "t%d", "token_duration": 3600}' % self.logins
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def text(port: int, *more: str, key: str = "key", path: str = "/iam/login", server: str = "") -> str:
    """Return a configuration for a platform on a port, with free ports of its own."""
    return "\n".join(
        (
            f'[server]\nlisten = "127.0.0.1:0"\n{server}',
            '[admin]\nlisten = "127.0.0.1:0"\nquit = true',
            f'[credentials.main]\nlogin_url = "http://127.0.0.1:{port}{path}"',
            f'apikey = "{key}"\nsecretkey = "secret"',
            f'[[routes]]\nupstream = "http://127.0.0.1:{port}"',
            *more,
        )
    )


@dataclass
class Running:
    """A gateway as a process, the platform behind it, and its file."""

    gateway: Program
    platform: Platform
    origin: RawOrigin
    file: Path
    port: int
    admin: str

    def write(self, *more: str, key: str = "key", path: str = "/iam/login", server: str = "") -> None:
        """Write the file anew, whole at once."""
        other = self.file.with_suffix(".new")
        other.write_text(text(self.origin.port, *more, key=key, path=path, server=server))
        other.replace(self.file)

    async def reload(self) -> dict[str, Any]:
        """Send SIGHUP, and return what has become of it."""
        self.gateway.signal(signal.SIGHUP)
        return await self.gateway.event("reloaded", "reload refused")

    def client(self, tls: ssl.SSLContext | None = None) -> contextlib.AbstractAsyncContextManager[RawClient]:
        """Connect a client."""
        return RawClient.to(self.port, tls)

    async def asks(self, method: str, path: str) -> tuple[int, Any]:
        """Ask the admin listener."""
        url = f"http://{self.admin}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
            return answer.status, await answer.json(content_type=None)

    async def arrived(self, count: int) -> None:
        """Wait until so many slow requests are at the origin."""
        while sum(b"/slow" in each.line for each in self.origin.arrived) < count:
            self.origin.news.clear()
            await self.origin.news.wait()


@contextlib.asynccontextmanager
async def running(folder: Path, *more: str, server: str = "") -> AsyncIterator[Running]:
    """Run a gateway with a token."""
    platform, file = Platform(), folder / "iam-proxy.toml"
    async with raw_origin(platform.visit) as origin:
        file.write_text(text(origin.port, *more, server=server))
        file.chmod(0o600)
        async with program("run", folder=folder) as gateway:
            events = ("listening", "admin listening", "login succeeded")  # with workers the login comes first
            told = {fact["event"]: fact for fact in [await gateway.event(*events) for _ in events]}
            port = int(told["listening"]["address"].rpartition(":")[2])
            yield Running(gateway, platform, origin, file, port, told["admin listening"]["address"])


# --- stopping
async def test_a_drain_with_100_slow_requests(tmp_path: Path) -> None:
    """Not ready any more, nobody is let in, idle clients are let go; all that runs finishes and is told to close."""
    async with running(tmp_path) as it, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(it.client()) for _ in range(100)]
        idle = await stack.enter_async_context(it.client())
        assert (await idle.get()).status == 200
        for client in clients:
            await client.send(GET)
        await it.arrived(100)
        it.gateway.signal(signal.SIGTERM)
        assert (await it.gateway.event("draining"))["connections"] == 101
        assert await idle.ended()
        assert await it.asks("GET", "/readyz") == (503, {"ready": False, "reasons": {"gateway": "draining"}})
        assert (await it.asks("GET", "/status"))[0] == 200
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", it.port)
        it.platform.answers.set()
        answers = await asyncio.gather(*(client.answer() for client in clients))
        assert {(each.status, each.body, *each.values(b"connection")) for each in answers} == {(200, b"ok", b"close")}
        assert (await it.gateway.event("stopped"))["finished"]
        assert await it.gateway.ended() == 0


async def test_what_does_not_end_is_cut(tmp_path: Path) -> None:
    """A tunnel and a slow request, after `drain_timeout`; the exit code is 0 all the same."""
    async with running(tmp_path, server='drain_timeout = "300ms"') as it, it.client() as slow, it.client() as tunnel:
        await tunnel.send(b"GET /chat HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        assert (await tunnel.answer()).status == 101
        await slow.send(GET)
        await it.arrived(1)
        it.gateway.signal(signal.SIGTERM)
        assert not (await it.gateway.event("stopped"))["finished"]
        assert (await tunnel.ended(), await slow.ended()) == (True, True)
        assert await it.gateway.ended() == 0


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
async def test_a_terminal_s_interrupt_and_another(second: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group: the first drains, a second signal of either kind cuts."""
    async with running(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        it.gateway.signal_group(signal.SIGINT)
        await it.gateway.event("draining")
        it.gateway.signal_group(second)
        assert not (await it.gateway.event("stopped"))["finished"]
        assert await client.ended()
        assert await it.gateway.ended() == 0


async def test_a_hangup_during_a_drain(tmp_path: Path) -> None:
    """It ends nothing, and nothing is reloaded any more."""
    async with running(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        it.gateway.signal(signal.SIGTERM)
        await it.gateway.event("draining")
        it.gateway.signal(signal.SIGHUP)
        assert (await it.asks("GET", "/readyz"))[0] == 503
        it.platform.answers.set()
        assert (await client.answer()).status == 200
        assert (await it.gateway.event("stopped", "reloaded"))["event"] == "stopped"
        assert await it.gateway.ended() == 0


async def test_quit(tmp_path: Path) -> None:
    """As SIGTERM does it, where `admin.quit` allows it; a reload can forbid it."""
    async with running(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        allowed = it.file.read_text()
        it.file.write_text(allowed.replace("quit = true", "quit = false"))
        assert (await it.reload())["changed"] == ["admin.quit"]
        assert (await it.asks("POST", "/quit"))[0] == 404
        it.file.write_text(allowed)
        assert (await it.reload())["event"] == "reloaded"
        assert await it.asks("POST", "/quit") == (202, {"draining": True})
        await it.gateway.event("draining")
        it.platform.answers.set()
        assert (await client.answer()).status == 200
        assert await it.gateway.ended() == 0


# --- reloading
@dataclass
class Load:
    """Clients that ask one request after the other, all the time; some on a new connection each time."""

    it: Running
    tls: ssl.SSLContext | None = None
    answered: int = 0
    failures: list[object] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    async def steady(self) -> None:
        """Keep one connection."""
        async with self.it.client(self.tls) as client:
            while not self.over:
                self._note(await client.get())

    async def fresh(self) -> None:
        """Take a new connection each time."""
        while not self.over:
            async with self.it.client(self.tls) as client:
                self._note(await client.get())

    async def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = self.answered + count
        while self.answered < wanted and not self.failures:
            self.news.clear()
            await self.news.wait()

    def _note(self, answer: Answered) -> None:
        self.answered += 1
        if (answer.status, answer.body) != (200, b"ok"):
            self.failures.append(answer)
        self.news.set()


async def test_reloads_under_load_drop_nothing(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Twenty of them, of routes, keys, another login, certificates and limits: no request fails.

    The load is what eight clients ask as fast as they are answered: more than 200 requests a second, as is told.
    """
    authorities = [Authority(tmp_path / name) for name in ("a", "b")]
    for authority in authorities:
        authority.folder.mkdir()
        authority.gateway()
    tls = [f'tls = {{ cert = "{name}/cert.pem", key = "{name}/key.pem" }}' for name in ("a", "b")]
    context = authorities[0].trusting()
    authorities[1].ca.configure_trust(context)
    async with running(tmp_path, server=tls[0]) as it:
        load, began = Load(it, context), monotonic()
        tasks = [asyncio.create_task(load.steady()) for _ in range(6)]
        tasks += [asyncio.create_task(load.fresh()) for _ in range(2)]
        for turn in range(4):
            extra = f'[[routes]]\npath = "/r{turn}"\nupstream = "http://127.0.0.1:{it.origin.port}"'
            for change in (
                {"key": "key2" if turn % 2 else "key"},
                {"path": f"/iam/login?v={turn}"},
                {"server": tls[1]},
                {"server": tls[0] + "\n[limits]\nmax_in_flight = 500\nmax_origin_connections = 40"},
                {"server": tls[0].replace("tls", 'drain_timeout = "9s"\ntls')},
            ):
                await load.more(50)
                it.write(extra, **{"server": tls[0], **change})
                assert (await it.reload())["event"] == "reloaded"
        await load.more(50)
        load.over = True
        await asyncio.gather(*tasks)
        rate = round(load.answered / (monotonic() - began))
        record_property(TOLD, f"20 reloads, {load.answered} requests at {rate} a second, {len(load.failures)} failed")
        assert load.failures == []
        assert load.answered > 1000
        it.gateway.signal(signal.SIGTERM)
        assert await it.gateway.ended() == 0


async def test_a_file_with_mistakes_changes_nothing(tmp_path: Path) -> None:
    """Each is logged with its line; put right, the file is taken without a signal."""
    async with running(tmp_path) as it, it.client() as client:
        good = it.file.read_text()
        it.file.write_text(good.replace("quit = true", "quit = 1") + "\nspeed = 9\n[nonsense]\n")
        first = await it.reload()
        second = await it.gateway.event("reload refused")
        lines = [good[: good.index("quit")].count("\n") + 1, good.count("\n") + 2]
        assert f"iam-proxy.toml:{lines[0]}: admin.quit: is not a truth value" in first["mistake"]
        assert f"iam-proxy.toml:{lines[1]}: routes[0].speed: unknown key" in second["mistake"]
        assert (await client.get()).status == 200
        async with aiohttp.ClientSession() as session, session.get(f"http://{it.admin}/metrics") as answer:
            figures = await answer.text()
        assert 'iam_proxy_reloads_total{outcome="refused"} 1.0' in figures
        assert "iam_proxy_last_reload_refused 1.0" in figures
        it.file.write_text(good.replace("quit = true", "quit = false"))
        assert (await it.gateway.event("reloaded"))["changed"] == ["admin.quit"]
        assert (await client.get()).status == 200
        assert it.platform.logins == 1


async def test_what_needs_a_restart_is_said(tmp_path: Path) -> None:
    """By the name of the key; how the log is written changes at once."""
    async with running(tmp_path) as it, it.client() as client:
        it.write('[log]\nlevel = "warning"\naccess = false\nformat = "json"')
        it.file.write_text(it.file.read_text().replace('[admin]\nlisten = "127.0.0.1:0"', '[admin]\nlisten = ""'))
        it.gateway.signal(signal.SIGHUP)
        assert (await it.gateway.event("changed, but needs a restart"))["key"] == "admin.listen"
        assert (await client.get()).status == 200
        assert (await client.get("/iam/login")).status == 403
        seen = await it.gateway.event("request", "login succeeded", "reloaded")
        assert (seen["event"], seen["status"]) == ("request", 403)


async def test_a_storm_of_hangups(tmp_path: Path) -> None:
    """Twenty at once: requests are answered, no login is made, the last one has an end."""
    async with running(tmp_path) as it, it.client() as client:
        for number in range(20):
            it.write(f"# {number}")
            it.gateway.signal(signal.SIGHUP)
        assert (await it.gateway.event("reloaded"))["changed"] == []
        assert (await client.get()).status == 200
        it.write("[limits]\nmax_in_flight = 9")
        it.gateway.signal(signal.SIGHUP)
        while (await it.gateway.event("reloaded"))["changed"] != ["limits.max_in_flight"]:
            pass
        assert it.platform.logins == 1


async def test_a_signal_to_end_in_the_middle_of_a_reload(tmp_path: Path) -> None:
    """The reload, which waits for a login, is given up; what runs is finished by the rules before it."""
    async with running(tmp_path) as it, it.client() as client:
        await client.send(GET)
        await it.arrived(1)
        it.platform.login.clear()
        it.write(path="/iam/login?v=2")
        it.gateway.signal(signal.SIGHUP)
        while it.platform.logins < 2:
            it.origin.news.clear()
            await it.origin.news.wait()
        it.gateway.signal(signal.SIGTERM)
        await it.gateway.event("draining")
        it.platform.answers.set()
        assert (await client.answer()).status == 200
        assert await it.gateway.ended() == 0


async def test_wrong_keys_in_a_new_file(tmp_path: Path) -> None:
    """The log says that they are refused and for how long the old token serves; twenty reloads cost no more logins."""
    async with running(tmp_path) as it, it.client() as client:
        it.write(key="mistyped")
        it.gateway.signal(signal.SIGHUP)
        said = await it.gateway.event("login rejected")
        assert (said["reason"], said["token_left_s"] > 3000) == ("rotation", True)
        for _ in range(20):
            assert (await it.reload())["event"] == "reloaded"
            assert (await client.get()).status == 200
        assert (it.platform.logins, it.platform.refused) == (2, 1)


async def test_the_environment_alone(tmp_path: Path) -> None:
    """There is no file to read; secrets are read anew, which is said, and a hangup ends nothing."""
    platform = Platform()
    secret = tmp_path / "key"
    secret.write_text("key")
    secret.chmod(0o600)
    async with raw_origin(platform.visit) as origin:
        environ = {
            "IAM_PROXY_UPSTREAM": f"http://127.0.0.1:{origin.port}",
            "IAM_PROXY_APIKEY_FILE": str(secret),
            "IAM_PROXY_SECRETKEY": "secret",
            "IAM_PROXY_LISTEN": "127.0.0.1:0",
            "IAM_PROXY_ADMIN_LISTEN": "",
        }
        async with program("run", folder=tmp_path, **environ) as gateway:
            await gateway.event("login succeeded")
            (tmp_path / "iam-proxy.toml").write_text("this is not a configuration")
            secret.write_text("key2")
            gateway.signal(signal.SIGHUP)
            said = await gateway.event("secrets read anew; the environment, which is the configuration, stays")
            assert said["changed"] == []
            assert (await gateway.event("login succeeded"))["reason"] == "rotation"
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0
