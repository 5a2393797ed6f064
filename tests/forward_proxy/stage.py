"""A platform that speaks TLS alone, the gateway as a process, and programs that are told of a proxy."""

import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from proxy.sandbox import Sandbox
from tests.fakes.nginx import certificate
from tests.fakes.process import Program, program
from tests.interop.stage import Ran, run

NAME = "platform.example"  # it has no address: whoever asks for it leaves that to the proxy
KEYS = '[access]\nclient_keys = { tool = "key-of-the-tool" }\n'
CONFIG = """
[server]
listen = "127.0.0.1:0"
[admin]
listen = ""
[log]
format = "json"
[credentials.main]
apikey = "demo-key"
secretkey = "demo-secret"
ca_file = "ca.pem"
[[routes]]
host = "platform.example"
upstream = "https://localhost:PORT"
ca_file = "ca.pem"
"""

URLLIB = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=15)
except urllib.error.HTTPError as error:
    answer = error
sys.stdout.buffer.write(answer.read())
"""
REQUESTS = "import requests, sys; sys.stdout.buffer.write(requests.get(sys.argv[1], timeout=15).content)"
# Each writes the body of an answer of whatever status, and follows redirects.
TOOLS = {
    "curl": ("curl", "-q", "-sS", "-L", "--max-time", "15"),
    "wget": ("wget", "--no-config", "-q", "--tries=1", "--timeout=15", "--content-on-error", "-O", "-"),
    "urllib": (sys.executable, "-c", URLLIB),
    "requests": (sys.executable, "-c", REQUESTS),
}


@dataclass
class Stage:
    """A platform, by the port on which it speaks TLS, and a gateway, by its own."""

    platform: Sandbox
    platform_port: int
    gateway: Program
    port: int

    async def run(self, tool: str, url: str, user: str = "") -> Ran:
        """Run a program that has the gateway as its proxy for http and https."""
        proxy = f"http://{user}127.0.0.1:{self.port}"
        return await run(*TOOLS[tool], url, environ={"http_proxy": proxy, "https_proxy": proxy})

    async def ask(self, tool: str, url: str, user: str = "") -> dict[str, Any]:
        """Return what a program gets, which has to be JSON."""
        ran = await self.run(tool, url, user)
        try:
            got: dict[str, Any] = json.loads(ran.out)
        except ValueError:
            raise AssertionError(f"{tool}: {ran.code}\n{ran.out!r}\n{ran.err.decode(errors='replace')}") from None
        return got


@contextlib.asynccontextmanager
async def staged(folder: Path, more: str = "") -> AsyncIterator[Stage]:
    """Run a platform and a gateway that has been told `more`."""
    certificate(folder)
    platform = Sandbox()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "server.pem")
    app = platform.app()
    app.router.add_get("/moved", moved)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = runner.addresses[0][1]
        (folder / "iam-proxy.toml").write_text(CONFIG.replace("PORT", str(port)) + more)
        async with program("run", folder=folder) as gateway:
            address = (await gateway.event("listening"))["address"]
            yield Stage(platform, port, gateway, int(address.rpartition(":")[2]))
    finally:
        await runner.cleanup()


async def moved(request: web.Request) -> web.Response:
    """Redirect as platforms do: to the host that was asked for, and to https."""
    raise web.HTTPFound(f"https://{request.host}/echo/there")
