"""Envoy, as a process of its own on a loopback port; `make test-long` installs it."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

ENVOY = Path(__file__).parents[2] / ".envoy" / "bin" / "envoy"
READY = b"starting main dispatch loop"  # said behind listening


@contextlib.asynccontextmanager
async def envoy(folder: Path, config: str) -> AsyncIterator[None]:
    """Run Envoy with a configuration, without an admin listener and without what it shares with another."""
    (folder / "envoy.yaml").write_text(config)
    words = ("--concurrency", "1", "--disable-hot-restart")
    process = await asyncio.create_subprocess_exec(ENVOY, "-c", folder / "envoy.yaml", *words, stderr=PIPE)
    assert process.stderr is not None
    said = b""
    try:
        while READY not in said:
            line = await process.stderr.readline()
            assert line, f"Envoy ended: {said.decode()}"
            said += line
        draining = asyncio.create_task(process.stderr.read())
        try:
            yield
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
