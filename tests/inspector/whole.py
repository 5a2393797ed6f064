"""A whole gateway with its inspector, in front of the bundled platform."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp

from proxy import log
from proxy.app import App
from proxy.config.load import from_environment
from proxy.core.address import TcpAddress
from proxy.listen import bound, open_socket
from proxy.sandbox import Sandbox
from proxy.serve import gateway


@dataclass
class Whole:
    """Where everything listens, and the platform behind it. `errors` are what the page complained of."""

    app: App
    platform: Sandbox
    gateway: str
    admin: str
    session: aiohttp.ClientSession
    errors: list[str] = field(default_factory=list)

    async def get(self, target: str, **fields: str) -> int:
        """Ask the gateway."""
        async with self.session.get(self.gateway + target, headers=fields) as answer:
            await answer.read()
            return answer.status

    async def post(self, target: str, data: bytes, **fields: str) -> int:
        """Post something to it."""
        async with self.session.post(self.gateway + target, data=data, headers=fields) as answer:
            await answer.read()
            return answer.status


@contextlib.asynccontextmanager
async def whole(ttl: float = 3600.0, **environ: str) -> AsyncIterator[Whole]:
    """Run platform, gateway and inspector on loopback."""
    platform = Sandbox(ttl=ttl)
    port = (await platform.start("127.0.0.1", 0))[1]
    settings = from_environment(
        {
            "IAM_PROXY_UPSTREAM": f"http://127.0.0.1:{port}",
            "IAM_PROXY_APIKEY": "demo-key",
            "IAM_PROXY_SECRETKEY": "demo-secret",
            "IAM_PROXY_LISTEN": "127.0.0.1:0",
            "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0",
            "IAM_PROXY__ADMIN__INSPECTOR": "true",
            **environ,
        }
    )
    output = log.configure(replace(settings.log, format="json"), io.StringIO())
    sock = open_socket(TcpAddress("127.0.0.1", 0))
    try:
        async with gateway(settings, output, (), sock) as (app, _), aiohttp.ClientSession() as session:
            at = f"http://{bound(sock)}"
            yield Whole(app, platform, f"http://{app.addresses[0]}", at, session)
    finally:
        await platform.close()
        await asyncio.sleep(0)
