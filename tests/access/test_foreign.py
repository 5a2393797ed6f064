"""Foreign Hosts and Origins in every spelling: none gets through, and no harm comes to the connection."""

from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.access import ANY, Access
from proxy.core.address import UnixAddress
from tests.access.requests import KEYS, LISTING, code, once, send
from tests.admin.test_listener import admin_of
from tests.fakes.gateway import Answered, RawClient, gateway_to
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.test_app import client_of, config, running

pytestmark = pytest.mark.usefixtures("loop_factory")

KEY = "X-Proxy-Key: key-of-cron"
# As a page could bring its visitor's browser to send them, and as a program might; malformed ones are 400.
HOSTS = [
    "evil.example",
    "evil.example:8080",
    "EVIL.EXAMPLE",
    "localhost.evil.example",
    "localhost.evil.example:{port}",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "localhost.",
    "LOCALHOST.:{port}",
    "evil.localhost.",
    "gateway.",
    "127.0.0.1.",
    "127.1",
    "127.0.0.01",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "2130706433:{port}",
    "017700000001",
    "256.256.256.256",
    "1.2.3.4.5",
    ".localhost",
    "a..localhost",
    "",
    ":{port}",
    "user@localhost",
    "localhost@evil.example",
    "user:password@localhost",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost/evil.example",
    "localhost#evil.example",
    "localhost\\evil.example",
    "localhost%2eevil.example",
    "%6c%6f%63%61%6c%68%6f%73%74",
    "::1",
    "[::1",
    "[::1].evil.example",
    "[::1]evil",
    "[localhost]",
    "[::1%25lo]",
    "xn--lcalhost-n6a.example",
    "l\xf6calhost",
    "localhost:99999",
    "localhost:-1",
    "localhost:80:80",
    "localhost:x",
    "localhost\r\nHost: localhost",
    "localhost\r\nHost: evil.example",
    "evil.example\r\nhost: localhost",
]
# Beside `Host: gateway` on a gateway that lists https://app.example and http://localhost:3000.
ORIGINS = [
    "https://evil.example",
    "null",
    "NULL",
    "",
    "*",
    "gateway",
    "http://gateway/",
    "http://gateway:80",
    "http://gateway:8080",
    "https://gateway",
    "HTTP://gateway",
    "http://GATEWAY",
    "http://gateway.",
    "http://gateway/path",
    "http://gateway?x",
    "http://gateway#x",
    "http://user@gateway",
    "http://gateway, http://gateway",
    "http://gateway http://gateway",
    "http://gateway\r\nOrigin: http://gateway",
    "http://gateway\r\nORIGIN: https://evil.example",
    "https://app.example\r\nOrigin: https://evil.example",
    "https://app.example, https://evil.example",
    "https://evil.example, https://app.example",
    "http://gateway.evil.example",
    "http://xgateway",
    "http://localhost",
    "http://localhost:{port}",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://127.0.0.1:3000",
    "http://[::1]:3000",
    "http://app.example",
    "https://app.example:443",
    "https://app.example:8443",
    "https://app.example/",
    "https://APP.example",
    "https://app.example.",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://x.app.example",
    "https://xn--pp-fka.example",
    "file://",
    "chrome-extension://abcdef",
    "javascript:",
    "data:",
    "blob:https://app.example",
    "about:blank",
    "undefined",
]


def test_there_are_enough_of_them() -> None:
    """Issue 5 wants at least 30 of each."""
    assert min(len(set(HOSTS)), len(set(ORIGINS))) > 30


async def test_no_foreign_host_gets_through() -> None:
    """421, or 400 where it is no Host at all; nothing reaches the origin."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        for host in HOSTS:
            answer = await once(bench, "GET /", host=host.format(port=bench.port))
            assert answer.status in {400, 421}, host
            assert code(answer) == ("host_not_allowed" if answer.status == 421 else "bad_request"), host
            assert answer.values(b"proxy-status")[0].startswith(b"iam-proxy; error=http_request_"), host
    assert origin.arrived == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:{port}", "[::1]:1", "10.0.0.1", "localhost", "LOCALHOST:8080", "a.b.localhost", "gateway", "g_1"],
)
async def test_names_of_the_gateway_get_through(host: str) -> None:
    """IP literals, localhost and what ends in it, single labels."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for _ in range(2):
            assert (await send(client, "GET /", host=host.format(port=bench.port))).status == 200


async def test_a_client_of_1_0_without_a_host() -> None:
    """No browser is so old; a monitor may be."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        assert (await once(bench, "GET / HTTP/1.0", host=None)).status == 200
        assert (await once(bench, "GET / HTTP/1.0", host="")).status == 421
        assert (await once(bench, "GET / HTTP/1.0", host="evil.example")).status == 421
    assert len(origin.arrived) == 1


@pytest.mark.parametrize("line", ["GET /", "POST /", "OPTIONS /", "GET /ws", "BREW /"])
async def test_no_foreign_origin_gets_through(line: str) -> None:
    """403, whatever the method; nothing reaches the origin."""
    async with raw_origin() as origin, gateway_to(origin.port, access=LISTING) as bench, bench.client() as client:
        for value in ORIGINS:
            answer = await send(client, line, f"Origin: {value.format(port=bench.port)}")
            assert (answer.status, code(answer)) == (403, "cross_site"), value
            assert not answer.values(b"access-control-allow-origin"), value
    assert origin.arrived == []


async def test_a_whole_gateway_and_its_admin_listener_answer_none_of_them() -> None:
    """With a login behind it, and an origin that is listed: only the login reaches the platform, no page is shown."""
    async with raw_origin(Platform().visit) as origin:
        settings = replace(config(origin.port), access=LISTING)
        async with running(settings) as app, admin_of(app) as admin:
            own, page = (int(base.rpartition(":")[2]) for base in (str(app.addresses[0]), admin.base))
            for port in (own, page):
                for host in HOSTS:
                    answer = await asked(port, "GET /status", f"Host: {host.format(port=port)}")
                    assert answer.status in {400, 421}, host
                    assert b"uptime" not in answer.body
                for value in ORIGINS:
                    for line in ("GET /status", "POST /refresh/default"):
                        answer = await asked(port, line, "Host: gateway", f"Origin: {value.format(port=port)}")
                        assert (answer.status, code(answer)) == (403, "cross_site"), value
            assert (await asked(page, "GET /status", "Host: gateway", "Origin: https://app.example")).status == 403
            assert (await asked(own, "GET /", "Host: gateway", "Origin: https://app.example")).status == 200
    assert [arrived.line for arrived in origin.arrived] == [b"POST /iam/login HTTP/1.1", b"GET / HTTP/1.1"]


async def asked(port: int, line: str, *lines: str) -> Answered:
    """Send a request to a loopback port on a connection of its own and read its answer."""
    async with RawClient.to(port) as client:
        return await send(client, line, *lines, host=None)


@pytest.mark.parametrize(
    "lines",
    [
        ("Origin: https://evil.example", "Content-Type: text/plain"),
        ("Origin: null", "Content-Type: application/x-www-form-urlencoded"),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Content-Type: text/plain"),
        ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1"),
        ("Origin: http://gateway", "Sec-Fetch-Site: cross-site"),
    ],
)
async def test_a_simple_post_of_a_foreign_page(lines: tuple[str, ...]) -> None:
    """It needs no preflight, and is refused all the same; the connection goes on."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await send(client, "POST /delete", *lines, body=b"everything")
        assert (answer.status, code(answer)) == (403, "cross_site")
        assert (await client.get()).status == 200
    assert [arrived.line for arrived in origin.arrived] == [b"GET / HTTP/1.1"]


@pytest.mark.parametrize("line", ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"])
async def test_a_websocket_handshake_of_a_foreign_page(line: str) -> None:
    """CORS does not hold a browser back here; the gateway does, and the connection is no tunnel."""
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await send(client, "GET /ws", *handshake, line)
        assert (answer.status, code(answer)) == (403, "cross_site")
        assert (await client.get()).status == 200
    assert len(origin.arrived) == 1


async def test_what_a_browser_says_of_its_own_pages_crosses() -> None:
    """The fields that are judged reach the origin as they were sent, once each."""
    lines = ("Origin: http://gateway", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        assert (await once(bench, "POST /", *lines, body=b"x")).status == 200
    fields = origin.arrived[0].fields
    assert [b"%b: %b" % field for field in fields if b"%b: %b" % field in "\r\n".join(lines).encode()] == [
        line.encode() for line in lines
    ]


async def test_a_page_that_connection_hides() -> None:
    """`Connection: origin` takes the field off what is forwarded, not off what is judged."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        hidden = ("Origin: https://evil.example", "Connection: origin, sec-fetch-site", "Sec-Fetch-Site: cross-site")
        assert (await once(bench, "GET /", *hidden)).status == 403
    assert origin.arrived == []


async def test_an_absolute_target_with_a_name_that_is_known() -> None:
    """It names this gateway by its port as well, whatever Host fields have been answered before."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        assert (await send(client, "GET /", host="localhost:1")).status == 200
        assert (await send(client, "GET http://localhost:1/", host="localhost:1")).status == 421
    assert len(origin.arrived) == 1


async def test_an_absolute_target_hides_nothing() -> None:
    """The authority of the target is what counts, for Host and for Origin."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        here = f"GET http://localhost:{bench.port}/"
        assert (await once(bench, here, "Origin: https://evil.example", host="evil.example")).status == 403
        assert (await once(bench, "GET http://evil.example/", host="localhost")).status == 421
        assert (await once(bench, here, f"Origin: http://localhost:{bench.port}", host="evil.example")).status == 200
    assert len(origin.arrived) == 1


async def test_an_absolute_target_by_a_name_of_the_operators() -> None:
    """`allowed_hosts` are names of the gateway, on whatever port it is published."""
    access = Access(allowed_hosts=frozenset((b"gw.example",)))
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench:
        assert (await once(bench, "GET http://GW.example:1/", host="x")).status == 200
        assert (await once(bench, "GET http://gw.example.evil/", host="gw.example")).status == 421
        assert (await once(bench, "GET /", host="gw.example:443")).status == 200


async def test_a_unix_socket_opens_no_other_door(tmp_path: Path) -> None:
    """Its peers pass for their address alone: Host, key and page are judged, and none of them is a trusted proxy."""
    access = Access(allow=(), client_keys=KEYS, trusted_proxies=ANY)
    async with raw_origin(Platform().visit) as origin:
        settings = config(origin.port)
        server = replace(settings.server, listen=(UnixAddress(str(tmp_path / "s")),))
        async with running(replace(settings, server=server, access=access)) as app, client_of(app) as client:
            assert code(await send(client, "GET /", host="evil.example")) == "host_not_allowed"
            assert code(await send(client, "GET /")) == "client_key_required"
            assert code(await send(client, "GET /", KEY, "Origin: http://evil")) == "cross_site"
            assert (await send(client, "GET /", KEY, "X-Forwarded-For: 1.2.3.4")).status == 200
            assert (await send(client, "GET http://localhost/", KEY, host="x")).status == 200
            assert code(await send(client, "GET http://127.0.0.2/", KEY, host="x")) == "host_not_allowed"
    assert not any(arrived.values(b"x-forwarded-for") for arrived in origin.arrived)
