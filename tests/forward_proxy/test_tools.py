"""curl, wget, urllib and requests, told of a proxy: http goes in, https goes out, and to the routes alone."""

from pathlib import Path

from tests.forward_proxy.stage import KEYS, NAME, TOOLS, staged
from tests.interop.stage import run

TARGET = "/echo/a%2Fb//c?x=1&y=%5B"
SHOWN = {
    "curl": b"CONNECT tunnel failed, response 405",
    "wget": b"",  # it is told to be quiet
    "urllib": b"Tunnel connection failed: 405 No Tunnels Here, Write http:// In The URL",
    "requests": b"Tunnel connection failed: 405 No Tunnels Here, Write http:// In The URL",
}


async def test_a_route_is_asked_by_its_host_and_by_its_upstreams(tmp_path: Path) -> None:
    """The target arrives as it was sent, over TLS, with the token, and without what was meant for a proxy."""
    async with staged(tmp_path) as stage:
        for tool in TOOLS:
            for host in (NAME, f"localhost:{stage.platform_port}", "LOCALHOST"):
                arrived = await stage.ask(tool, f"http://{host}{TARGET}")
                fields = {name.lower(): value for name, value in arrived["fields"]}
                assert arrived["target"] == TARGET
                assert fields["authorization"].startswith("Bearer ****")
                assert fields["host"] == f"localhost:{stage.platform_port}"
                assert fields["x-forwarded-host"].lower() == host.lower()
                assert not fields.keys() & {"proxy-connection", "proxy-authorization"}
        assert stage.platform.logins == 1


async def test_a_redirect_leads_back_through_the_gateway(tmp_path: Path) -> None:
    """The platform says https; the program hears http, and asks its proxy again."""
    async with staged(tmp_path) as stage:
        for tool in TOOLS:
            assert (await stage.ask(tool, f"http://{NAME}/moved"))["target"] == "/echo/there"


async def test_the_key_is_the_proxys_password(tmp_path: Path) -> None:
    """With it the program is answered and known by name, and the platform sees nothing of it; without it gets 407."""
    async with staged(tmp_path, KEYS) as stage:
        for tool in TOOLS:
            arrived = await stage.ask(tool, f"http://{NAME}/echo", "any:key-of-the-tool@")
            told = await stage.gateway.event("request", status=200)
            assert told["client"] == "tool"
            names = {name.lower() for name, _ in arrived["fields"]}
            assert not names & {"proxy-authorization", "x-proxy-key"}
            for user in ("", "any:another-key@"):
                refused = await stage.ask(tool, f"http://{NAME}/echo", user)
                assert (refused["status"], refused["code"]) == (407, "client_key_required")
                assert "as the password for the proxy" in refused["action"]
        assert stage.platform.logins == 1


async def test_a_host_without_a_route_is_refused(tmp_path: Path) -> None:
    """421, and what to do about it; no name is looked up, and none of the routes' is told."""
    async with staged(tmp_path) as stage:
        for tool in TOOLS:
            for url in ("http://other.example/x", "http://localhost:1/x", "http://169.254.169.254/x"):
                refused = await stage.ask(tool, url)
                assert (refused["status"], refused["code"]) == (421, "host_not_allowed")
                assert "`no_proxy`" in refused["action"]
                assert NAME not in str(refused)


async def test_a_tunnel_is_refused(tmp_path: Path) -> None:
    """https:// in the URL makes a program ask for one: it ends, and most say what to write instead."""
    async with staged(tmp_path) as stage:
        for tool, shown in SHOWN.items():
            ran = await stage.run(tool, f"https://{NAME}/echo")
            assert ran.code, tool
            assert ran.out == b""
            assert shown in ran.err
        proxy = f"http://127.0.0.1:{stage.port}"
        words = ("wget", "--no-config", "--tries=1", "--timeout=15", "-O", "-", f"https://{NAME}/echo")
        ran = await run(*words, environ={"https_proxy": proxy})
        assert ran.code == 4
        assert b"Proxy tunneling failed: No Tunnels Here, Write http:// In The URL" in ran.err
        ran = await run("curl", "-q", "-sS", "-i", "--max-time", "15", "-x", proxy, f"https://{NAME}/echo")
        assert ran.code == 56
        assert b"HTTP/1.1 405 No Tunnels Here" in ran.out
        assert b"\r\nAllow: GET, HEAD, " in ran.out
