"""A server as a process of its own, from the line in which it says that it listens."""

import asyncio
import contextlib
import re
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.interop.stage import environment


@contextlib.asynccontextmanager
async def started(
    *command: str | Path, listens: re.Pattern[str], environ: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run a server; yields the port that the pattern finds in what it says, and ends it with SIGTERM."""
    process = await asyncio.create_subprocess_exec(*command, env=environment(environ or {}), stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    try:
        port = await port_of(process.stdout, listens)
        draining = asyncio.create_task(process.stdout.read())
        try:
            yield port
        finally:
            if process.returncode is None:
                process.terminate()
            await draining
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def port_of(output: asyncio.StreamReader, listens: re.Pattern[str]) -> int:
    """Read a server's output up to the line that names its port."""
    said = ""
    while line := (await output.readline()).decode():
        said += line
        if found := listens.search(line):
            return int(found[1])
    raise AssertionError(f"the server ended:\n{said}")
