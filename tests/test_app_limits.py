"""A whole gateway at its limits."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from proxy import log
from proxy.app import App
from proxy.config.settings import Admin, Log
from proxy.core.address import TcpAddress
from proxy.core.limits import Limits
from proxy.serve import gateway
from proxy.telling import starved
from tests.admin.test_door import client, connections, no_files
from tests.fakes.origin import Arrived, Visit, raw_origin
from tests.fakes.platform import Platform
from tests.test_app import client_of, config

pytestmark = pytest.mark.usefixtures("loop_factory")


class Held(Platform):
    """A platform that answers nothing but logins."""

    def knows(self, arrived: Arrived) -> bool:
        """Return that the token is good."""
        del arrived
        return True

    async def visit(self, visit: Visit) -> None:
        """Log in, and keep everything else waiting."""
        arrived = await visit.request()
        if arrived.line.startswith(b"POST /iam/login"):
            await visit.send(await self.login(arrived))
        await visit.reader.read()


async def admin_says(port: int, path: str) -> tuple[int, str]:
    """Return status and text of what the admin listener answers."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


def samples(text: str) -> dict[str, float]:
    """Return the series of an exposition that have no labels."""
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines if "{" not in name}


@contextlib.asynccontextmanager
async def at(limits: Limits, port: int) -> AsyncIterator[tuple[App, int]]:
    """Run a gateway with its admin listener; yield both."""
    settings = replace(config(port), admin=Admin(TcpAddress("127.0.0.1", 0)), limits=limits)
    async with gateway(settings, log.configure(Log(), io.StringIO())) as (app, admin):
        assert isinstance(admin, TcpAddress)
        yield app, admin.port


async def test_the_admin_listener_is_reachable_at_both_limits() -> None:
    """All connections are taken and all requests under way: health, status and metrics are answered as ever."""
    async with (
        raw_origin(Held().visit) as origin,
        at(Limits(max_connections=3, max_in_flight=2), origin.port) as (app, admin),
        contextlib.AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(client_of(app)) for _ in range(5)]
        for client in clients:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await clients[2].answer()).status == 503
        assert (len(app.clients), app.gateway.in_flight) == (3, 2)
        while not app.sources["default"].state.live:  # noqa: ASYNC110  the gateway tells nobody, it is looked at
            await asyncio.sleep(0)
        for path in ("/livez", "/readyz", "/status", "/metrics"):
            assert (await admin_says(admin, path))[0] == 200
        assert "iam_proxy_in_flight_requests 2.0" in (await admin_says(admin, "/metrics"))[1]


async def test_the_admin_listener_is_reachable_where_no_file_is_left() -> None:
    """Clients wait, and whoever asks what is wrong is answered, figures of the process included."""
    async with (
        raw_origin(Platform().visit) as origin,
        at(Limits(), origin.port) as (app, admin),
        client_of(app) as busy,
    ):
        assert (await busy.get()).status == 200
        asking = connections(admin, 4)
        with no_files():
            for sock, path in zip(asking, ("/livez", "/readyz", "/status", "/metrics"), strict=True):
                each = await client(sock)
                answer = await each.get(path)
                assert answer.status == 200
                each.close()
            figures = samples(answer.body.decode())
            assert (await busy.get()).status == 200
    assert 0 < figures["process_open_fds"] <= figures["process_max_fds"]
    assert figures["process_cpu_seconds_total"] > 0
    assert figures["iam_proxy_client_connections"] == 1


async def test_limits_are_told_beside_what_they_bound() -> None:
    """So that a rule can say how far away they are."""
    async with (
        raw_origin(Platform().visit) as origin,
        at(Limits(max_connections=7, max_in_flight=3), origin.port) as (
            _,
            admin,
        ),
    ):
        figures = samples((await admin_says(admin, "/metrics"))[1])
    assert figures["iam_proxy_client_connections_limit"] == 7
    assert figures["iam_proxy_in_flight_requests_limit"] == 3


async def test_a_drain_lets_nobody_in_who_waits() -> None:
    """Those who wait in the kernel are not accepted any more, and the gateway ends."""
    async with (
        raw_origin(Platform().visit) as origin,
        at(Limits(max_connections=1), origin.port) as (app, _),
        client_of(app) as first,
    ):
        assert (await first.get()).status == 200
        async with client_of(app) as waiting:
            await waiting.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            assert await app.drain()
            assert await waiting.ended()
        assert await first.ended()
    assert not app.clients


def test_what_is_said_when_files_run_out() -> None:
    """One line, with the reason and what to look at."""
    stream = io.StringIO()
    output = log.configure(Log(format="json"), stream)
    starved(OSError(24, "Too many open files"))
    output.flush()
    assert '"level":"error","event":"clients wait: no file can be opened for them (see ulimit -n)' in stream.getvalue()
    assert '"cause":"Too many open files"' in stream.getvalue()


async def test_routes_of_one_origin_count_once() -> None:
    """What origins may take is set aside by origin, as the pools are."""
    async with raw_origin(Platform().visit) as origin:
        base = config(origin.port)
        routes = tuple(replace(base.routes[0], path=b"/%d" % number) for number in range(50))
        async with gateway(replace(base, routes=routes), log.configure(Log(), io.StringIO())) as (app, _):
            assert len(app.pools) == 1
            assert app.clients.limit == base.limits.connections(1, app.files)
            await asyncio.sleep(0)
