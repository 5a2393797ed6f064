"""The log of a running gateway, a process of its own, whose reader is slow, gone, or a full disk."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.gateway import RawClient
from tests.fakes.origin import raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.ports import free_port
from tests.fakes.process import clean_environment
from tests.log.pipes import pipe

# Long enough that 10,000 lines do not find room, short enough that the target is shown whole.
TARGET = "/" + "x" * 1000
MANY, AT_ONCE = 10_000, 100


@dataclass
class Running:
    """A gateway, and where it listens."""

    process: asyncio.subprocess.Process
    port: int
    admin: int

    async def ask(self, count: int) -> set[tuple[int, bytes]]:
        """Send so many requests, some at once; return what was answered."""
        seen: set[tuple[int, bytes]] = set()
        async with RawClient.to(self.port) as client:
            for _ in range(0, count, AT_ONCE):
                await client.send(b"GET %b HTTP/1.1\r\nHost: g\r\n\r\n" % TARGET.encode() * min(AT_ONCE, count))
                for _ in range(min(AT_ONCE, count)):
                    answer = await client.answer()
                    seen.add((answer.status, answer.body))
        return seen

    async def metric(self, name: str) -> float:
        """Return a metric without labels."""
        url = f"http://127.0.0.1:{self.admin}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    async def end(self) -> int:
        """Ask it to finish; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@contextlib.asynccontextmanager
async def running(folder: Path, stderr: int) -> AsyncIterator[Running]:
    """Run a gateway that logs to a descriptor, in front of a platform; it is ready."""
    async with raw_origin(Platform().visit) as origin:
        port, admin = free_port(), free_port()
        environ = clean_environment(
            IAM_PROXY_UPSTREAM=f"http://127.0.0.1:{origin.port}",
            IAM_PROXY_APIKEY=APIKEY,
            IAM_PROXY_SECRETKEY=SECRETKEY,
            IAM_PROXY_LISTEN=f"127.0.0.1:{port}",
            IAM_PROXY_ADMIN_LISTEN=f"127.0.0.1:{admin}",
        )
        words = (sys.executable, "-m", "proxy", "run")
        process = await asyncio.create_subprocess_exec(*words, cwd=folder, env=environ, stderr=stderr)
        try:
            while not await listens(port):
                assert process.returncode is None
            yield Running(process, port, admin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def listens(port: int) -> bool:
    """Return whether somebody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


def events(data: bytes) -> list[dict[str, Any]]:
    """Return what a log says; every line of it is whole."""
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


async def test_a_reader_that_rests_holds_up_no_request_and_learns_what_it_has_missed(tmp_path: Path) -> None:
    """10,000 requests are answered meanwhile, in bounded memory; then lines and gap add up to the request."""
    with pipe() as end:
        async with running(tmp_path, end.writing) as gateway:
            await gateway.ask(AT_ONCE)
            before = await gateway.metric("process_resident_memory_bytes")
            assert await gateway.ask(MANY) == {(200, b"ok")}
            assert await gateway.metric("process_resident_memory_bytes") < before + 16 * 1024 * 1024
            dropped = await gateway.metric("iam_proxy_log_lines_dropped_total")
            told = await asyncio.to_thread(end.read_lines, b"log lines dropped")
            assert await gateway.end() == 0
            seen = events(b"".join(told) + end.read_all())
    lines = [each for each in seen if each["event"] == "request"]
    (gap,) = [each for each in seen if each["event"] == "log lines dropped"]
    assert gap["level"] == "warning"
    assert gap["count"] == dropped > 1000
    assert len(lines) + gap["count"] == MANY + AT_ONCE
    assert [each["event"] for each in seen][-2:] == ["draining", "stopped"]


async def test_a_reader_that_never_reads_keeps_no_gateway_from_ending(tmp_path: Path) -> None:
    """It ends with 0; what the pipe holds are whole lines."""
    with pipe() as end:
        async with running(tmp_path, end.writing) as gateway:
            assert await gateway.ask(1000) == {(200, b"ok")}
            assert await gateway.end() == 0
        assert len(events(end.read_all())) > 10


async def test_a_reader_that_is_gone(tmp_path: Path) -> None:
    """The gateway serves on, and counts what nobody reads."""
    with pipe() as end:
        async with running(tmp_path, end.writing) as gateway:
            end.deafen()
            assert await gateway.ask(300) == {(200, b"ok")}
            while await gateway.metric("iam_proxy_log_lines_dropped_total") < 300:
                pass
            assert await gateway.end() == 0


async def test_a_full_disk(tmp_path: Path) -> None:
    """Likewise."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with running(tmp_path, full) as gateway:
            assert await gateway.ask(300) == {(200, b"ok")}
            while await gateway.metric("iam_proxy_log_lines_dropped_total") < 300:
                pass
            assert await gateway.end() == 0
    finally:
        os.close(full)


@pytest.mark.parametrize("count", [1, 2500])
async def test_the_last_lines_come_out(count: int, tmp_path: Path) -> None:
    """A gateway that is ended behind its last request has written the lines of all."""
    with pipe() as end:
        async with running(tmp_path, end.writing) as gateway:
            reading = asyncio.create_task(asyncio.to_thread(end.read_all)) if count > 1 else None
            await gateway.ask(count)
            code = await gateway.end()
            data = end.read_all() if reading is None else await reading
    seen = [each["event"] for each in events(data)]
    assert code == 0
    assert seen.count("request") == count
    assert seen[-1] == "stopped"


async def test_lines_of_a_file_on_the_disk(tmp_path: Path) -> None:
    """A file takes everything, whole and in order."""
    with (tmp_path / "log").open("ab") as file:
        async with running(tmp_path, file.fileno()) as gateway:
            await gateway.ask(3000)
            assert await gateway.end() == 0
    seen = events((tmp_path / "log").read_bytes())
    ids = [int(each["request_id"][10:], 16) for each in seen if each["event"] == "request"]
    assert ids == sorted(ids)
    assert len(ids) == 3000
