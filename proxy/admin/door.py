"""Accepting for the admin listener, which answers also when this process can open no further file."""

import asyncio
import contextlib
import os
import socket

from aiohttp import web

# Files kept back for those who ask while none is left: some probes, a scrape, and who wants to know what is wrong.
KEPT = 8
# How many connections there may be: aiohttp waits for a request without end, and the files are the gateway's.
CONNECTIONS = 64
# How often it is tried to keep as many again, and how long accepting rests when none of them is left; in seconds.
RESTOCK = 0.1


class Door(web.BaseSite):
    """Accepts on a listening socket. The servers of asyncio and uvloop give up, or hang up, where no file is left."""

    def __init__(self, runner: web.AppRunner, sock: socket.socket) -> None:
        super().__init__(runner)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._kept: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._joining: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Where it listens."""
        return str(self._sock.getsockname())

    async def start(self) -> None:
        """Accept from now on."""
        await super().start()
        self._sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
        self._restock()
        self._loop.add_reader(self._sock, self._accept)

    async def stop(self) -> None:
        """Accept nobody any more."""
        await super().stop()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        if self._timer is not None:
            self._timer.cancel()
        for file in self._kept:
            os.close(file)
        self._kept.clear()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)

    # --- who comes
    def _accept(self) -> None:
        """Somebody waits; one at a time, the others are told of again."""
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # too many open files
            self._give_way()
            return
        task = self._loop.create_task(self._connect(sock))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _connect(self, sock: socket.socket) -> None:
        server = self._runner.server
        assert server is not None  # noqa: S101  a runner with a site has one
        there = server.connections
        for oldest in there[: max(0, len(there) - CONNECTIONS + 1)]:
            oldest.force_close()
        with contextlib.suppress(OSError):  # it has gone already
            await self._loop.connect_accepted_socket(server, sock)

    # --- where no file is left
    def _give_way(self) -> None:
        """Give a file that was kept back for whoever waits; without one, look again in a moment."""
        if self._kept:
            os.close(self._kept.pop())
        else:
            self._loop.remove_reader(self._sock)
        self._restock_later()

    def _restock(self) -> None:
        self._timer = None
        with contextlib.suppress(OSError):
            while len(self._kept) < KEPT:
                self._kept.append(os.open(os.devnull, os.O_RDONLY))
        if len(self._kept) < KEPT:
            self._restock_later()
        self._loop.add_reader(self._sock, self._accept)

    def _restock_later(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(RESTOCK, self._restock)
