"""A server as a process of its own, from the line in which it says that it listens."""

import asyncio
import contextlib
import re
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.interop.stage import environment


@contextlib.asynccontextmanager
async def started(
    *command: str | Path, listens: re.Pattern[str], environ: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[int]:
    """Run a server; yields the port that the pattern finds in what it says, and ends it with SIGTERM."""
    process = await asyncio.create_subprocess_exec(*command, env=environment(environ), stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(read(process.stdout, listens, port))
    try:
        yield await port
    finally:
        if process.returncode is None:
            process.terminate()
        await reading
        await process.wait()


async def read(output: asyncio.StreamReader, listens: re.Pattern[str], port: asyncio.Future[int]) -> None:
    """Read what a server says up to its end: it names its port, or says why it could not start."""
    said = ""
    while line := (await output.readline()).decode():
        said += line
        if not port.done() and (found := listens.search(line)):
            port.set_result(int(found[1]))
    if not port.done():
        port.set_exception(AssertionError(f"the server ended:\n{said}"))
