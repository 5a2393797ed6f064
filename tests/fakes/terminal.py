"""A terminal with a person at it: a pseudo-terminal that controls the program on it, as a real one does."""

import asyncio
import contextlib
import os
import pty
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.process import clean_environment

# Makes the standard input the controlling terminal, so that its keys raise signals, and becomes the program.
TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
INTERRUPT, END_OF_FILE = "\x03", "\x04"
# When a person presses a key that had no effect once more, in seconds.
AGAIN = 10.0


@dataclass
class Terminal:
    """What a person sees in `shown`, up to `read_to` as a test has waited for it, and types."""

    process: asyncio.subprocess.Process
    master: int
    reader: asyncio.StreamReader
    shown: str = ""
    read_to: int = 0

    async def until(self, words: str) -> None:
        """Read on until some words are shown."""
        while words not in self.shown[self.read_to :]:
            piece = await self._piece()
            assert piece, f"{words!r} never came: {self.shown}"
        self.read_to = self.shown.index(words, self.read_to) + len(words)

    async def answer(self, question: str, words: str) -> None:
        """Wait for a question, and type an answer to it."""
        await self.until(question)
        self.type(f"{words}\n")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    async def ended(self) -> int:
        """Read to the end and return the exit code."""
        while await self._piece():
            pass
        return await self.process.wait()

    async def left(self, key: str) -> int:
        """Press a key to leave, once more where nothing comes of it, and return the exit code.

        An interrupt between a question and the wait for its answer is noticed with the next key: Python's `input` looks
        for signals before it waits, not while it begins to.
        """
        while True:
            self.type(key)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    return await self.ended()

    async def _piece(self) -> str:
        try:
            piece = (await self.reader.read(65536)).decode()
        except OSError:  # EIO: nobody has the terminal open any more
            return ""
        self.shown += piece
        return piece


def terminal(*words: str, folder: Path, **environ: str) -> contextlib.AbstractAsyncContextManager[Terminal]:
    """Start `iam-proxy` at a terminal, in a folder, and see it ended."""
    return at_terminal((sys.executable, "-m", "proxy", *words), folder, environ)


@contextlib.asynccontextmanager
async def at_terminal(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """Start a command likewise."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TAKE,
        *command,
        cwd=folder,
        env=clean_environment(TERM="dumb", **environ),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(master), "rb", buffering=0)
    )
    try:
        yield Terminal(process, master, reader)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        transport.close()
        os.close(master)
