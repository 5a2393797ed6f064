"""One worker process, as its supervisor sees it: started, ready, told to finish, gone."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from proxy.workers.channel import Channel, Message
from proxy.workers.order import Order, packed

# -P: what lies in the folder where the gateway was started is no part of it.
COMMAND = (sys.executable, "-P", "-m", "proxy.workers")
ROOT = str(Path(__file__).parent.parent.parent)


class WorkerProcess:
    """A process on a channel; `told` is called with each of its messages but the first, which says that it `serves`.

    `ready` is set then, or when it has ended before; `gone` is told its exit code, negative for a signal.
    """

    def __init__(
        self,
        told: Callable[["WorkerProcess", Message], None],
        gone: Callable[["WorkerProcess", int], None],
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.ready = asyncio.Event()
        self.serves = False
        self.silence = 0  # how often somebody has looked since it was last heard
        self.channel = Channel(self._heard, lambda: None)
        self._told = told
        self._gone = gone
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None  # noqa: S101  for the type checker
        return self._process.pid

    async def start(self, order: Order) -> None:
        """Start it; it gets copies of the listening sockets, so none of those who wait there are lost with it."""
        near, far = socket.socketpair()
        with far:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                str(far.fileno()),
                pass_fds=(far.fileno(), *order.sockets),
                stdin=asyncio.subprocess.DEVNULL,
                env=environment(os.environ),
            )
        near.setblocking(False)  # noqa: FBT003  the standard library has no other way
        await asyncio.get_running_loop().create_connection(lambda: self.channel, sock=near)
        self.channel.write(packed(order))

    def _heard(self, message: Message) -> None:
        self.silence = 0
        if "ready" in message:
            self.serves = True
            self.ready.set()
        else:
            self._told(self, message)

    async def ended(self) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        assert self._process is not None  # noqa: S101  for the type checker
        code = await self._process.wait()
        self.serves = False
        self.channel.close()
        self.ready.set()
        self._gone(self, code)
        return code

    def finish(self) -> None:
        """Tell it to finish what runs."""
        self._signal(signal.SIGTERM)

    def cut(self) -> None:
        """Tell it to end at once, with resets, so that no answer under way looks whole."""
        self.channel.send({"cut": True})

    def kill(self) -> None:
        """End it, whatever it does."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: it finds this very package first."""
    path = given.get("PYTHONPATH")
    return {**given, "PYTHONPATH": ROOT + (os.pathsep + path if path else "")}
