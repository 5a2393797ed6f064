"""The program itself, as a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def clean_environment(**more: str) -> dict[str, str]:
    """Return this environment without any setting of the gateway, and with those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IAM_PROXY")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Program:
    """A running `iam-proxy`."""

    process: asyncio.subprocess.Process

    async def event(self, *names: str, **expected: object) -> dict[str, Any]:
        """Read the log up to the first event of one of these names, and return it."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            with contextlib.suppress(ValueError):
                fact: dict[str, Any] = json.loads(line)
                if fact["event"] in names and all(fact.get(key) == value for key, value in expected.items()):
                    return fact
        raise AssertionError(f"the log ended without {names!r}")

    async def line(self, part: str) -> str:
        """Read the output up to a line that holds a text, and return it."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode():
            if part in line:
                return line
        assert self.process.stderr is not None
        raise AssertionError(f"the output ended without {part!r}: {(await self.process.stderr.read()).decode()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        self.process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to this process and to what it has started, as a terminal does."""
        os.killpg(self.process.pid, number)

    async def ended(self) -> int:
        """Wait for the end and return the exit code."""
        await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


def program(*words: str, folder: Path, **environ: str) -> contextlib.AbstractAsyncContextManager[Program]:
    """Start `iam-proxy` in a folder, and see it ended."""
    return executed((), words, (), folder, environ)


@contextlib.asynccontextmanager
async def executed(
    before: Sequence[str], words: Sequence[str], files: Sequence[int], folder: Path, environ: Mapping[str, str]
) -> AsyncIterator[Program]:
    """Start `iam-proxy` in a folder by way of the command `before`, which executes it, and see it ended.

    It has a process group of its own, all of which is killed in the end, and inherits these `files`.
    """
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        "-m",
        "proxy",
        *words,
        cwd=folder,
        env=clean_environment(**environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=files,
        start_new_session=True,
    )
    try:
        yield Program(process)
    finally:
        with contextlib.suppress(ProcessLookupError):  # what it has started and left behind as well
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
