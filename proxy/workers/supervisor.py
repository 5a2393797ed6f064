"""The supervisor: a gateway that serves through its workers. Sockets, tokens and the admin listener are its own."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence
from dataclasses import asdict, replace

from proxy.app import App
from proxy.config.settings import Config, Log
from proxy.core.families import FAMILIES
from proxy.core.snapshot import Snapshot, summed
from proxy.core.token_events import TokenEvent
from proxy.errors import StartError
from proxy.observers import Observers
from proxy.wire.client import ClientConnection
from proxy.wire.request import Request
from proxy.workers.channel import Message
from proxy.workers.crew import Crew
from proxy.workers.desk import Desk
from proxy.workers.order import Order
from proxy.workers.process import WorkerProcess

# How long a scrape waits for what workers have counted, in seconds; of one that is busy the last word counts.
PATIENCE = 1.0


class Supervisor(App):
    """A gateway of several processes; it accepts nobody itself."""

    accepts = False

    def __init__(self, config: Config, observers: Observers) -> None:
        self._desks: dict[WorkerProcess, Desk] = {}
        self._counted: dict[WorkerProcess, Snapshot] = {}
        self._former: Snapshot = {}  # what those have counted that are gone
        self._calls = itertools.count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._rolled = asyncio.Event()
        self._rolled.set()
        self._finished = True
        self._observed = observers.token
        super().__init__(config, replace(observers, token=self._token))
        self._crew = Crew(config.server.workers, self._made, observers.worker)

    # --- life
    async def start(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Listen, log in, and start the workers. Raises StartError."""
        await super().start(sockets)
        await self._crew.start(self._order())

    async def reload(self, config: Config) -> None:
        """Serve by another configuration: new workers take the places of those that are there, one by one.

        Raises StartError; nothing has changed then, but for the places that new workers have already.
        """
        before = self.config
        self._rolled.clear()
        try:
            await super().reload(config)
            if not await self._crew.replace(self._order()):
                await super().reload(before)
                raise StartError("a worker of the new configuration did not start; its log says why")
        finally:
            self._rolled.set()

    async def drain(self) -> bool:
        """Let the workers finish what runs, for `drain_timeout`; then cut. Returns whether all was finished."""
        self.draining = True
        for door in self._doors:
            door.listener.close()
        await self._crew.drain()
        await super().drain()
        return self._finished

    async def stop(self) -> None:
        """End everything at once."""
        await self._crew.stop()
        await super().stop()

    async def unasked(self, waiting: Sequence[tuple[ClientConnection, Request]]) -> None:
        """Wait until the workers of the generation before are gone."""
        del waiting
        await self._rolled.wait()
        await self._crew.relieved()

    def _order(self) -> Order:
        """Return what workers are to do: each has its share of the limits."""
        workers = self.config.server.workers
        config = replace(self.config, limits=self.config.limits.share(workers))
        return Order(config, tuple(door.listener.fileno() for door in self._doors))

    # --- workers
    def _made(self) -> WorkerProcess:
        worker = WorkerProcess(self._told, self._ended)
        scrubbed = {route.credential for route in self.config.routes if route.scrub and route.credential}
        self._desks[worker] = Desk(self.sources, scrubbed, worker.channel.send)
        return worker

    def _told(self, worker: WorkerProcess, message: Message) -> None:
        """Do what a worker asks for, or take what it has counted."""
        if "source" in message:
            self._desks[worker].heard(message)
            return
        self._counted[worker] = message["counted"]
        asked = self._asked.pop(message.get("to", 0), None)
        if asked is not None and not asked.done():
            asked.set_result(None)

    def _ended(self, worker: WorkerProcess, code: int) -> None:
        """A worker has ended: what it has counted stays."""
        if self.draining:
            self._finished = self._finished and code == 0
        self._desks.pop(worker).close()
        self._former = summed((self._former, kept(self._counted.pop(worker, {}))))

    def _token(self, event: TokenEvent) -> None:
        self._observed(event)
        for desk in self._desks.values():
            desk.tell()

    # --- what they have counted
    async def others(self) -> Sequence[Snapshot]:
        """Return what the workers have counted, those that are gone included."""
        asked = [self._ask(worker) for worker in self._crew]
        if asked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await asyncio.gather(*asked)
        return (self._former, *self._counted.values())

    def _ask(self, worker: WorkerProcess) -> "asyncio.Future[None]":
        number = next(self._calls)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        if not worker.channel.send({"count": number}):
            asked.set_result(None)
        asked.add_done_callback(lambda _: self._asked.pop(number, None))
        return asked

    def adjust_log(self, settings: Log) -> None:
        """Have the workers write their log by these settings."""
        for worker in self._crew:
            worker.channel.send({"log": asdict(settings)})


def kept(counted: Snapshot) -> Snapshot:
    """Return what stays of a process that has ended: what has happened, not what was."""
    return {name: series for name, series in counted.items() if FAMILIES[name].kind != "gauge"}
