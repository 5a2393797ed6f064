"""redis-server, as a process of its own on a loopback port and in a folder of its own."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from redis.asyncio import Redis

from tests.fakes.ports import free_port

READY = b"Ready to accept connections"
# Another program may take the free port first.
ATTEMPTS = 5


@dataclass
class RedisServer:
    """A Redis that keeps nothing on disk; `words` are further settings, `tls` after `certificate()` in its folder."""

    folder: Path
    words: tuple[str, ...] = ()
    tls: bool = False
    port: int = 0
    process: Process | None = field(default=None, repr=False)

    async def start(self) -> None:
        """Start, on the port of before if there was one."""
        for _ in range(1 if self.port else ATTEMPTS):
            port = self.port or free_port()
            listen = ("--port", "0", "--tls-port", str(port), *TLS) if self.tls else ("--port", str(port))
            self.process = await asyncio.create_subprocess_exec(
                "redis-server", "--bind", "127.0.0.1", "--save", "", *listen, *self.words,
                cwd=self.folder, stdout=PIPE,
            )  # fmt: skip
            assert self.process.stdout is not None
            while line := await self.process.stdout.readline():
                if READY in line:
                    self.port = port
                    return
            await self.process.wait()
        raise AssertionError("redis-server does not start")

    async def kill(self) -> None:
        """Kill it, as a machine that fails does."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()

    def url(self, user: str = "", parameters: str = "") -> str:
        """Return where it is, for this user."""
        host = "localhost" if self.tls else "127.0.0.1"
        return f"{'rediss' if self.tls else 'redis'}://{user}{host}:{self.port}/0{parameters}"

    @contextlib.asynccontextmanager
    async def client(self, password: str | None = None) -> AsyncIterator[Redis]:
        """Connect a client of the test's own."""
        client = Redis(port=self.port, password=password, protocol=2)
        try:
            yield client
        finally:
            await client.aclose()


TLS = ("--tls-cert-file", "server.pem", "--tls-key-file", "server.pem", "--tls-auth-clients", "no")


def certificate(folder: Path) -> Path:
    """Write a certificate for localhost, with its key, as server.pem, and return the file of its authority."""
    ca = trustme.CA()
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@contextlib.asynccontextmanager
async def redis_server(folder: Path, *words: str, tls: bool = False) -> AsyncIterator[RedisServer]:
    """Run a Redis, ended with the test."""
    server = RedisServer(folder, words, tls)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
