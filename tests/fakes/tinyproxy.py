"""tinyproxy, as a process of its own on a loopback port: a forward proxy of the distribution's packages."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.ports import free_port
from tests.fakes.redis import ATTEMPTS

CONFIG = """
Port {port}
Listen 127.0.0.1
Timeout 60
LogLevel Info
MaxClients 100
Allow 127.0.0.1
"""
READY = b"Accepting connections"


@dataclass
class Tinyproxy:
    """Where it listens, and what it was asked for."""

    port: int
    process: Process = field(repr=False)
    asked: list[str] = field(default_factory=list)

    async def end(self) -> None:
        """End it, with all the ways it has opened."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()

    async def listen(self) -> None:
        """Read its log to the end, and keep the request lines in it."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode():
            if "Request (file descriptor" in line:
                self.asked.append(line.partition("): ")[2].strip())


async def started(folder: Path, settings: str) -> Tinyproxy:
    """Start it on a free port; another program may be given the port first."""
    file = folder / "tinyproxy.conf"
    for _ in range(ATTEMPTS):
        port = free_port()
        file.write_text(CONFIG.format(port=port) + settings)
        process = await asyncio.create_subprocess_exec("tinyproxy", "-d", "-c", file, stdout=PIPE)
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if READY in line:
                return Tinyproxy(port, process)
        await process.wait()
    raise AssertionError("tinyproxy does not start")


@contextlib.asynccontextmanager
async def tinyproxy(folder: Path, settings: str = "") -> AsyncIterator[Tinyproxy]:
    """Run it with further settings; at the end all of its log has been read."""
    server = await started(folder, settings)
    listening = asyncio.create_task(server.listen())
    try:
        yield server
    finally:
        await server.end()
        await listening
