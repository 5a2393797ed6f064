"""Half a million requests while tokens rotate every second: nothing grows."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import aiohttp
import pytest

from tests.conftest import TOLD
from tests.fakes.process import Program, program

REQUESTS, QUARTERS, CLIENTS = 500_000, 4, 32
# Refreshed after about a second: no login is made sooner behind another.
LIFETIME = "1300ms"
# What the last quarter may have more than the second, in which everything has come to its size.
GROWTH = 1.02


def resident(it: Program) -> int:
    """Return the memory that a program has, in KiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{it.process.pid}/status").read_text())
    assert found
    return int(found[1])


def files(it: Program) -> int:
    """Return how many files a program has open."""
    return len(list(Path(f"/proc/{it.process.pid}/fd").iterdir()))


async def asked(url: str, count: int) -> None:
    """Ask so often, by a few clients that keep their connections; each answer is a good one."""
    command = ("ab", "-q", "-k", "-l", "-c", str(CLIENTS), "-n", str(count), url)
    ab = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said = (await ab.communicate())[0].decode()
    assert re.search(rf"^Complete requests:\s+{count}$", said, re.MULTILINE), said
    assert re.search(r"^Failed requests:\s+0$", said, re.MULTILINE), said
    assert "Non-2xx" not in said


@pytest.mark.long
async def test_nothing_grows(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Memory is flat from the second quarter on, and no file is left open; tokens were rotated all the while."""
    async with program("sandbox", "--listen", "127.0.0.1:0", "--ttl", LIFETIME, folder=tmp_path) as platform:
        listens = re.search(r"http://[0-9.:]+", await platform.line("listens on"))
        assert listens
        environ = {
            "IAM_PROXY_UPSTREAM": listens[0],
            "IAM_PROXY_APIKEY": "demo-key",
            "IAM_PROXY_SECRETKEY": "demo-secret",
            "IAM_PROXY_LISTEN": "127.0.0.1:0",
            "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0",
            "IAM_PROXY__LOG__ACCESS": "false",
        }
        async with program("run", folder=tmp_path, **environ) as gateway:
            address = (await gateway.event("listening"))["address"]
            admin = (await gateway.event("admin listening"))["address"]
            await gateway.event("login succeeded")
            seen, began = [], monotonic()
            for _ in range(QUARTERS):
                await asked(f"http://{address}/qb/query", REQUESTS // QUARTERS)
                seen.append((resident(gateway), files(gateway)))
            took = monotonic() - began
            async with aiohttp.ClientSession() as session, session.get(f"http://{admin}/metrics") as answer:
                logins = re.search(r'^iam_proxy_logins_total{.*"succeeded"} (\S+)$', await answer.text(), re.MULTILINE)
    memory, opened = zip(*seen, strict=True)
    told = f"{REQUESTS} requests in {took:.0f} s, {logins and logins[1]} logins, memory {memory} KiB, files {opened}"
    record_property(TOLD, f"soak: {told}")
    assert memory[3] <= memory[1] * GROWTH
    assert opened[3] <= opened[1]
    assert logins
    assert float(logins[1]) > took / 2  # seconds: one login in each, but where this machine is busy
