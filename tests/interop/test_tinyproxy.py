"""A real forward proxy between the gateway and its origin: tinyproxy, as the distribution has it.

The origin is at 0.0.0.0, which means this host (RFC 1122 §3.2.1.3) without being a loopback address: to loopback the
gateway asks no proxy.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from proxy.app import App
from proxy.config import load
from proxy.config.settings import Config
from proxy.core.address import TcpAddress
from proxy.online import online
from tests.fakes.origin import RawOrigin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.server import serving
from tests.fakes.tinyproxy import Tinyproxy, tinyproxy
from tests.test_app import ask, client_of, running

pytestmark = pytest.mark.usefixtures("loop_factory")

HERE = "0.0.0.0"
BASIC = "BasicAuth me hunter2\n"


def certificate(folder: Path) -> ssl.SSLContext:
    """Return what the origin presents; its authority is in ca.pem."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(HERE).configure_cert(context)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return context


@dataclass
class Behind:
    """A platform with TLS that only the proxy is to reach."""

    folder: Path
    platform: Platform
    origin: RawOrigin
    port: int
    proxy: Tinyproxy

    def config(self, *lines: str, **environ: str) -> Config:
        """Return a configuration with these lines in its route, for an environment with these variables."""
        text = (
            f'[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = ""\n'
            f'[credentials.main]\napikey = "{APIKEY}"\nsecretkey = "{SECRETKEY}"\n'
            f'[[routes]]\nupstream = "https://{HERE}:{self.port}"\nca_file = "ca.pem"\n'
        )
        file = self.folder / "gateway.toml"
        file.write_text("\n".join((text, *lines, "")))
        return load(str(file), environ)

    @contextlib.asynccontextmanager
    async def gateway(self, *lines: str, **environ: str) -> AsyncIterator[App]:
        """Run a gateway with such a configuration."""
        async with running(self.config(*lines, **environ)) as app:
            yield app

    def key(self, user: str = "") -> str:
        """Return the line that names the proxy."""
        return f'egress_proxy = "http://{user}127.0.0.1:{self.proxy.port}"'


@contextlib.asynccontextmanager
async def behind(folder: Path, settings: str = "") -> AsyncIterator[Behind]:
    """Run platform and proxy."""
    platform = Platform()
    origin = RawOrigin(platform.visit)
    async with serving(origin.visit, certificate(folder)) as port, tinyproxy(folder, settings) as proxy:
        yield Behind(folder, platform, origin, port, proxy)


async def test_login_and_requests(tmp_path: Path) -> None:
    """Both by CONNECT, TLS with the origin itself; one way serves many requests."""
    async with behind(tmp_path) as it:
        async with it.gateway(it.key()) as app:
            assert [await ask(app) for _ in range(5)] == [200] * 5
        assert it.platform.logins == 1
    assert it.proxy.asked == [f"CONNECT {HERE}:{it.port} HTTP/1.1"] * 2


async def test_user_and_password(tmp_path: Path) -> None:
    """Right ones open the way; wrong ones, or none, are 502 and name the proxy's credentials."""
    async with behind(tmp_path, BASIC) as it:
        async with it.gateway(it.key("me:hunter2@")) as app:
            assert await ask(app) == 200
        for user in ("me:wrong@", ""):
            async with it.gateway(it.key(user), 'credential = "none"') as app, client_of(app) as client:
                answer = await client.get()
            assert answer.status == 502
            assert b'"code":"connection_failed"' in answer.body
            assert b"The egress proxy wants a user and a password, or others than it got" in answer.body
            assert b"hunter2" not in answer.head + answer.body
            assert b"wrong" not in answer.head + answer.body
    assert it.platform.logins == 1


async def test_the_environment(tmp_path: Path) -> None:
    """`HTTPS_PROXY` as curl has it."""
    async with behind(tmp_path, BASIC) as it:
        url = f"http://me:hunter2@127.0.0.1:{it.proxy.port}"
        async with it.gateway(HTTPS_PROXY=url, NO_PROXY="other") as app:
            assert await ask(app) == 200
    assert len(it.proxy.asked) == 2


@pytest.mark.parametrize("direct", ["NO_PROXY", "key"])
async def test_around_the_proxy(direct: str, tmp_path: Path) -> None:
    """By `NO_PROXY`, or by the empty `egress_proxy` of a route: the proxy is not asked."""
    async with behind(tmp_path) as it:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{it.proxy.port}"}
        if direct == "NO_PROXY":
            way = it.gateway(**environ, NO_PROXY=f"localhost,{HERE}/32")
        else:
            way = it.gateway('egress_proxy = ""', **environ)
        async with way as app:
            assert await ask(app) == 200
        assert it.platform.logins == 1
    assert it.proxy.asked == []


async def test_a_refused_token_is_replaced_and_the_request_replayed(tmp_path: Path) -> None:
    """Over the same way; the login of the new token has one of its own."""
    async with behind(tmp_path) as it:
        async with it.gateway(it.key()) as app:
            assert await ask(app) == 200
            it.platform.live.clear()
            assert await ask(app) == 200
        assert it.platform.logins == 2
    assert len(it.proxy.asked) == 3


async def test_bodies_cross_whole(tmp_path: Path) -> None:
    """Both ways at once, larger than any buffer on the way."""
    body = bytes(range(256)) * 8192
    async with behind(tmp_path) as it, it.gateway(it.key()) as app, client_of(app) as client:
        head = f"POST /x HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n"
        await client.send(head.encode() + body)
        assert (await client.answer()).status == 200
        assert it.origin.arrived[-1].body == body


async def test_an_origin_that_is_not_there(tmp_path: Path) -> None:
    """The proxy's answer is told by its status and not passed on."""
    async with behind(tmp_path) as it:
        async with serving(it.origin.visit) as nobody:
            pass
        it.port = nobody
        async with it.gateway(it.key(), 'credential = "none"') as app, client_of(app) as client:
            answer = await client.get()
    assert answer.status == 502
    assert b"The egress proxy refused a way to the platform with status 500" in answer.body
    assert b"inyproxy" not in answer.head + answer.body
    assert answer.values(b"proxy-status") == [b"iam-proxy; error=destination_ip_unroutable"]


async def test_a_port_that_the_proxy_does_not_allow(tmp_path: Path) -> None:
    """403 of the proxy is no 403 of the platform."""
    async with behind(tmp_path, "ConnectPort 443\n") as it, it.gateway(it.key(), 'credential = "none"') as app:
        assert await ask(app) == 502


async def test_a_web_socket(tmp_path: Path) -> None:
    """As a tunnel in the tunnel, with the credential on its handshake."""
    seen: list[str] = []

    async def echo(peer: ServerConnection) -> None:
        assert peer.request is not None
        seen.append(peer.request.headers["Authorization"])
        async for message in peer:
            await peer.send(message)

    async with behind(tmp_path) as it, serve(echo, "127.0.0.1", 0, ssl=certificate(tmp_path)) as server:
        it.port = next(iter(server.sockets)).getsockname()[1]
        held = '[credentials.main]\nkind = "static"\ntoken = "abc"\n'
        route = f'[[routes]]\nupstream = "https://{HERE}:{it.port}"\nca_file = "ca.pem"\n{it.key()}\n'
        file = tmp_path / "gateway.toml"
        file.write_text(f'[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = ""\n{held}{route}')
        async with running(load(str(file), {})) as app:
            address = app.addresses[0]
            assert isinstance(address, TcpAddress)
            async with connect(f"ws://127.0.0.1:{address.port}/ws", proxy=None) as socket:
                for message in ("hello", "x" * 100_000):
                    await socket.send(message)
                    assert await socket.recv() == message
    assert seen == ["Bearer abc"]
    assert len(it.proxy.asked) == 1


async def test_a_proxy_that_ends(tmp_path: Path) -> None:
    """Takes the ways that it has opened with it: 502 until there is one again, and no request is lost on the quiet."""
    async with behind(tmp_path) as it, it.gateway(it.key()) as app:
        assert await ask(app) == 200
        await it.proxy.end()
        assert await ask(app) == 502
        asked = [arrived.line for arrived in it.origin.arrived]
        assert asked == [b"POST /iam/login HTTP/1.1", b"GET / HTTP/1.1"]


async def test_ways_are_not_shared_with_routes_that_go_directly(tmp_path: Path) -> None:
    """Two routes to one origin: each has connections of its own kind."""
    async with behind(tmp_path) as it:
        where = f'upstream = "https://{HERE}:{it.port}"\nca_file = "ca.pem"'
        direct = f'[[routes]]\npath = "/direct"\n{where}\negress_proxy = ""\n'
        async with it.gateway(it.key(), direct) as app:
            assert [await ask(app, path) for path in ("/", "/direct", "/", "/direct")] == [200] * 4
            assert [(pool.dialled, pool.reused) for pool in app.pools.values()] == [(1, 1), (1, 1)]
    assert len(it.proxy.asked) == 2


async def test_a_check_by_way_of_the_proxy(tmp_path: Path) -> None:
    """TLS, login and request, each by a way of its own; a wrong password is said to be one."""
    async with behind(tmp_path, BASIC) as it:
        said: list[tuple[str, str]] = []
        for user, code in (("me:hunter2@", 0), ("me:wrong@", 1)):
            config = it.config(it.key(user))
            assert await online(config, lambda *line: said.append(line), lambda _: None, lambda _: None) == code
    marks = [f"{words.split()[0]} {mark}" for mark, words in said]
    assert marks == ["tls ok", "login ok", "route ok", "tls failed", "login not tried", "route not tried"]
    assert "wants a user and a password, or others than it got (status 401" in said[3][1]
    assert len(it.proxy.asked) == 4
