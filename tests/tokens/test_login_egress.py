"""Logins by way of a forward proxy."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from proxy.core.credential import Credential, Verification
from proxy.core.egress import Egress, EgressProxy
from proxy.core.logout import PlatformLogout
from proxy.errors import LoginUnavailable
from proxy.tokens.login import Login
from tests.core.secrets import credential
from tests.fakes.forward import answering, forward_to, proxy_at
from tests.fakes.origin import RawOrigin, Script, raw_origin
from tests.fakes.server import serving
from tests.tokens.clock import FakeClock
from tests.tokens.login_server import TOKEN, LoginServer, answer, login_server, session

pytestmark = pytest.mark.usefixtures("loop_factory")

HOST = "platform.example"


def by_way_of(proxy: EgressProxy, folder: Path, scheme: str = "https") -> Credential:
    """Return a credential whose login is at a name that only the proxy knows."""
    known = credential(f"{scheme}://{HOST}/iam/login")
    return replace(known, egress=Egress(proxy, proxy), verification=Verification(str(folder / "ca.pem")))


def server_side(folder: Path) -> ssl.SSLContext:
    """Return what the login presents; its authority is in ca.pem."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(HOST).configure_cert(context)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return context


async def cause(script: Script, folder: Path, *, scheme: str = "https", login: str | None = None) -> tuple[int, str]:
    """Return the proxy's port, and why a login by way of it has failed."""
    trustme.CA().cert_pem.write_to_path(folder / "ca.pem")
    async with raw_origin(script) as proxy:
        by = Login(by_way_of(proxy_at(proxy.port, login), folder, scheme), clock=FakeClock())
        with pytest.raises(LoginUnavailable) as failed:
            await by.issue(await by.identify())
    return proxy.port, failed.value.cause


async def test_a_login_and_its_logout(tmp_path: Path) -> None:
    """Each by a way of its own, TLS with the login's name, and with the proxy's user and password."""
    async with login_server(tls=server_side(tmp_path)) as server, forward_to(server.port) as forward:
        known = by_way_of(proxy_at(forward.port, "me:hunter2"), tmp_path)
        by = Login(replace(known, logout=PlatformLogout(f"https://{HOST}/iam/logout")), clock=FakeClock())
        identity = await by.identify()
        token = await by.issue(identity)
        await by.end(token, identity)
        assert token.value == TOKEN
        assert [each.line.partition("?")[0] for each in server.asked] == [
            "POST /iam/login HTTP/1.1",
            "DELETE /iam/logout",
        ]
    for head in forward.heads:
        assert head.startswith(b"CONNECT platform.example:443 HTTP/1.1\r\n")
        assert b"\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n" in head
        assert b"secret" not in head
    assert len(forward.heads) == 2


async def test_a_login_on_plain_http_is_asked_for_in_absolute_form(tmp_path: Path) -> None:
    """As forward proxies take it."""
    server_side(tmp_path)
    async with login_server() as server:
        by = Login(by_way_of(proxy_at(server.port, "me:hunter2"), tmp_path, "http"), clock=FakeClock())
        assert (await by.issue(await by.identify())).value == TOKEN
    assert server.asked[0].fields["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
    assert [each.line for each in server.asked] == [f"POST http://{HOST}/iam/login HTTP/1.1"]


async def test_the_way_is_decided_for_each_request(tmp_path: Path) -> None:
    """A login on loopback never asks a proxy, nor the environment."""
    async with login_server() as server:
        known = replace(credential(server.url), egress=by_way_of(proxy_at(1), tmp_path).egress)
        by = Login(known, clock=FakeClock())
        assert (await by.issue(await by.identify())).value == TOKEN


async def test_the_environment_alone_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read with the configuration."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with login_server() as server:
        by = Login(credential(server.url), clock=FakeClock())
        assert (await by.issue(await by.identify())).value == TOKEN


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "the egress proxy wants a user and a password, or others than it got",
        ),
        (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "the egress proxy wants a user and a password, or others than it got",
        ),
        (
            b"HTTP/1.1 403 secret\r\nContent-Length: 0\r\n\r\n",
            "the egress proxy refused a way to the login with status 403",
        ),
        (b"", "the login closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the login failed: ClientResponseError"),
    ],
    ids=["407", "401", "403", "closed", "garbage"],
)
async def test_a_proxy_that_opens_no_way(said: bytes, words: str, tmp_path: Path) -> None:
    """The cause says so, and which proxy it was; it is no refusal of the keys, and shows no secret."""
    port, found = await cause(answering(said), tmp_path, login="me:hunter2")
    assert found == f"{words} (by way of http://127.0.0.1:{port})"


async def test_plain_http_and_a_proxy_that_wants_a_password(tmp_path: Path) -> None:
    """Is told from an answer of the login's."""
    said = answer(b"", status="407 Proxy Authentication Required")
    _, found = await cause(answering(said), tmp_path, scheme="http")
    assert found.startswith("the egress proxy wants a user and a password")


async def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    """Refused, or without an address."""
    server_side(tmp_path)
    async with serving(RawOrigin().visit) as port:
        pass
    for proxy, words in (
        (proxy_at(port), "no connection to the egress proxy: Connect call failed"),
        (EgressProxy("no.such.invalid", 3128), "the host name no.such.invalid has no address"),
    ):
        by = Login(by_way_of(proxy, tmp_path), clock=FakeClock())
        with pytest.raises(LoginUnavailable) as failed:
            await by.issue(await by.identify())
        assert failed.value.cause.startswith(words)
        assert failed.value.cause.endswith(f" (by way of {proxy})")


async def test_a_redirected_login_stays_on_its_way(tmp_path: Path) -> None:
    """Each request has a way of its own."""
    tls = server_side(tmp_path)
    moved = answer(b"", "Location: /iam/v4/login", status="307 Temporary Redirect")
    async with serving(LoginServer([moved, answer(session())]).serve, tls) as port, forward_to(port) as forward:
        by = Login(by_way_of(proxy_at(forward.port), tmp_path), clock=FakeClock())
        assert (await by.issue(await by.identify())).value == TOKEN
    assert len(forward.heads) == 2
