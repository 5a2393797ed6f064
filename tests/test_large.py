"""Bodies of 2 GiB through a gateway of its own: streamed, in bounded memory."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.process import Program, program
from tests.test_cli import address_of, keys

SIZE = 2 * 1024**3
GROWTH = 32 * 1024  # KiB
BLOCK = bytes(1024 * 1024)

pytestmark = pytest.mark.long


@contextlib.asynccontextmanager
async def gateway_to_sandbox(folder: Path) -> AsyncIterator[tuple[Program, str, int]]:
    """Start a gateway in front of a sandbox, both programs of their own; it has a token. Yields it and its address."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=folder) as sandbox:
        environ = keys(await address_of(sandbox))
        async with program("run", folder=folder, **environ) as gateway:
            host, _, port = (await gateway.event("listening"))["address"].partition(":")
            await gateway.event("login succeeded")
            yield gateway, host, int(port)


def peak(gateway: Program) -> int:
    """Return the most memory that a process has had so far, in KiB."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


async def upload(host: str, port: int) -> bytes:
    """Send a body of SIZE and return the answer."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"PUT /upload HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % SIZE)
    for _ in range(SIZE // len(BLOCK)):
        writer.write(BLOCK)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def download(host: str, port: int, size: int = SIZE) -> int:
    """Ask for a body of this size and return how many bytes came."""
    reader, writer = await asyncio.open_connection(host, port, limit=len(BLOCK))
    target = b"/dpe/v3/configurations/big.tgz?bytes=%d" % size
    writer.write(b"GET %b HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n" % target)
    await reader.readuntil(b"\r\n\r\n")
    count = 0
    while data := await reader.read(len(BLOCK)):
        count += len(data)
    writer.close()
    return count


async def test_2_gib_each_way_in_bounded_memory(tmp_path: Path) -> None:
    """Up and down, whole, and memory grows by less than 32 MiB."""
    async with gateway_to_sandbox(tmp_path) as (gateway, host, port):
        before = peak(gateway)
        answer = await upload(host, port)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["size"] == SIZE
        uploaded = peak(gateway)
        assert await download(host, port) == SIZE
        downloaded = peak(gateway)
    print(f"memory: {before} KiB before, {uploaded} after the upload, {downloaded} after the download")  # noqa: T201  figures
    assert uploaded - before < GROWTH
    assert downloaded - before < GROWTH
