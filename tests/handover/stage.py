"""A platform that speaks TLS, the gateway as a process of its own, and a proxy in front of the platform."""

import contextlib
import re
import signal
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from proxy.sandbox import Fault, Faults, Sandbox, Served
from proxy.sandbox.events import Event
from tests.fakes.gateway import Answered, RawClient
from tests.fakes.nginx import certificate
from tests.fakes.process import Program, program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
PLATFORM = "my-project.eu.dataplatform.ovh.net"
SOCKET = "/run/iam-proxy/token.sock"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def placed(text: str, replacements: Mapping[str, str]) -> str:
    """Return a configuration for this place; each of the texts has to be in it. The longest is replaced first."""
    for old in sorted(replacements, key=len, reverse=True):
        assert old in text, old
        text = text.replace(old, replacements[old])
    return text


@dataclass
class Stage:
    """A platform, and a gateway that logs in to it; `port` is that of the proxy in front."""

    folder: Path
    platform: Sandbox
    platform_port: int
    events: list[Event]
    port: int = 0
    gateway: Program | None = None
    _life: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def socket(self) -> str:
        """Where the gateway hands out tokens."""
        return f"{self.folder}/token.sock"

    @property
    def served(self) -> int:
        """How many requests the platform has answered otherwise than by a refusal."""
        return sum(isinstance(event, Served) for event in self.events)

    @property
    def token(self) -> str:
        """The only token that is live."""
        (token,) = self.platform.sessions._open
        return token

    async def start(self) -> Program:
        """Start the gateway with the page's configuration, and wait until its token socket is there."""
        environ = {"IAM_PROXY_ADMIN_LISTEN": "", "IAM_PROXY__LOG__FORMAT": "json", "IAM_APIKEY": "demo-key"}
        started = program("run", folder=self.folder, **environ)
        self.gateway = await self._life.enter_async_context(started)
        await self.gateway.event("token socket listening")
        return self.gateway

    async def stop(self) -> None:
        """End the gateway."""
        assert self.gateway is not None
        self.gateway.signal(signal.SIGTERM)
        assert await self.gateway.ended() == 0
        await self._life.aclose()

    def fail(self, **faults: object) -> None:
        """Switch faults of the platform on; those before are off."""
        self.platform.faults = Faults(**faults)  # type: ignore[arg-type]  # checked by whoever reads the test

    def client(self) -> contextlib.AbstractAsyncContextManager[RawClient]:
        """Connect to the proxy."""
        return RawClient.to(self.port)

    async def get(self, target: str, *lines: str) -> Answered:
        """Return the answer to a GET on a connection of its own."""
        async with self.client() as client:
            return await client.get(target, *lines)

    async def post(self, target: str, body: bytes) -> Answered:
        """Return the answer to a POST on a connection of its own."""
        async with self.client() as client:
            head = f"POST {target} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(body)}\r\n\r\n"
            await client.send(head.encode() + body)
            return await client.answer()


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Run a platform whose certificate is of an authority in `ca.pem`, and a gateway."""
    certificate(folder)
    events: list[Event] = []
    platform = Sandbox(on_event=events.append)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "server.pem")
    runner = web.AppRunner(platform.app(), access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        stage = Stage(folder, platform, runner.addresses[0][1], events)
        configure(stage)
        await stage.start()
        try:
            yield stage
        finally:
            await stage._life.aclose()
    finally:
        await runner.cleanup()


def configure(stage: Stage) -> None:
    """Write the configuration of docs/scaling.md for this place."""
    found = re.search(r"```toml token-source\n(.*?)```", PAGE, re.DOTALL)
    assert found
    secret = stage.folder / "secretkey"
    secret.write_text("demo-secret\n")
    secret.chmod(0o600)
    text = placed(
        found[1],
        {
            f'"https://{PLATFORM}"': f'"https://localhost:{stage.platform_port}"\nca_file = "ca.pem"',
            SOCKET: stage.socket,
            "/run/iam-proxy/gateway.sock": f"{stage.folder}/gateway.sock",
            "/run/secrets/secretkey": "secretkey",
        },
    )
    (stage.folder / "iam-proxy.toml").write_text(text)


LOGIN_DOWN = Fault(status=500)
