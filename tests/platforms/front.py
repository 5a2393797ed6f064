"""A gateway in front of a server, and all that it told its observers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx

from proxy.app import App
from proxy.config.settings import Admin, Config, Server
from proxy.core.address import TcpAddress
from proxy.core.events import Finished
from proxy.core.token_events import LoginSucceeded, Reason, TokenEvent
from proxy.observers import Observers
from tests.interop.stage import httpx_client


@dataclass
class Front:
    """A client of the gateway, the exchanges that have ended, and what became of logins, in order."""

    http: httpx.AsyncClient
    finished: list[Finished]
    told: asyncio.Queue[TokenEvent]

    async def login(self, reason: Reason) -> LoginSucceeded:
        """Wait for the next login that succeeds: it has to have this reason, and no other fact goes before it."""
        fact = await self.told.get()
        assert isinstance(fact, LoginSucceeded), fact
        assert fact.reason is reason, fact
        return fact


@contextlib.asynccontextmanager
async def front(settings: Config) -> AsyncIterator[Front]:
    """Run a gateway on a free port, and connect a client to it."""
    finished: list[Finished] = []
    told: asyncio.Queue[TokenEvent] = asyncio.Queue()
    server = Server(listen=(TcpAddress("127.0.0.1", 0),), drain_timeout=5.0)
    app = App(replace(settings, server=server, admin=Admin(None)), Observers(finished.append, told.put_nowait))
    await app.start()
    try:
        address = app.addresses[0]
        assert isinstance(address, TcpAddress)
        async with httpx_client(address.port) as http:
            yield Front(http, finished, told)
    finally:
        await app.stop()
