"""A whole gateway: from keys to forwarded requests, with real logins."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from proxy.app import App
from proxy.config.settings import Admin, Config, Server, Tokens
from proxy.core.address import TcpAddress, UnixAddress, Upstream
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential
from proxy.core.events import Finished
from proxy.core.route import Route
from proxy.core.store import StoreFile
from proxy.core.token_events import LoginSucceeded, TokenEvent, TokenFound
from proxy.errors import StartError
from proxy.observers import Observers
from tests.core.secrets import Given
from tests.fakes.gateway import RawClient
from tests.fakes.origin import RawOrigin, Visit, raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform

pytestmark = pytest.mark.usefixtures("loop_factory")


@dataclass
class Seen:
    """What the observers were told."""

    finished: list[Finished] = field(default_factory=list)
    tokens: list[TokenEvent] = field(default_factory=list)

    @property
    def observers(self) -> Observers:
        """Return observers that keep everything."""
        return Observers(self.finished.append, self.tokens.append)


def config(port: int, key: str = APIKEY) -> Config:
    """Return a configuration with one route to a loopback origin."""
    recipe = ApikeyRecipe(f"http://127.0.0.1:{port}/iam/login", Given(key), Given(SECRETKEY))
    credential = Credential("default", recipe)
    route = Route(b"/", Upstream("http", "127.0.0.1", port), credential="default")
    server = Server(listen=(TcpAddress("127.0.0.1", 0),), drain_timeout=5.0)
    return Config((route,), {"default": credential}, server, Admin(None))


@contextlib.asynccontextmanager
async def running(settings: Config, seen: Seen | None = None) -> AsyncIterator[App]:
    """Run a gateway."""
    app = App(settings, (seen or Seen()).observers)
    try:
        await app.start()
        yield app
    finally:
        await app.stop()


@contextlib.asynccontextmanager
async def client_of(app: App) -> AsyncIterator[RawClient]:
    """Connect to the gateway's first address."""
    address = app.addresses[0]
    if isinstance(address, UnixAddress):
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(app: App, target: str = "/") -> int:
    """Send one request on a connection of its own and return the status."""
    async with client_of(app) as client:
        return (await client.get(target)).status


async def test_500_cold_requests_cost_one_login() -> None:
    """A burst before the first token waits for the one login, and all are answered."""
    platform = Platform(gate=asyncio.Event())
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        burst = [asyncio.create_task(ask(app)) for _ in range(500)]
        while app.gateway.in_flight < 500:  # noqa: ASYNC110  the gateway tells nobody, it is looked at
            await asyncio.sleep(0)
        assert platform.gate is not None
        platform.gate.set()
        statuses = await asyncio.gather(*burst)
    assert statuses == [200] * 500
    assert platform.logins == 1


async def test_a_gateway_that_starts_anew_finds_its_token_in_the_store(tmp_path: Path) -> None:
    """Five starts, one login; every request answered; a token from the store is told, and is no login."""
    platform, seen = Platform(), Seen()
    async with raw_origin(platform.visit) as origin:
        settings = replace(config(origin.port), tokens=Tokens(StoreFile(str(tmp_path / "tokens.json"))))
        for _ in range(5):
            async with running(settings, seen) as app:
                assert await ask(app) == 200
    assert platform.logins == 1
    assert [type(event) for event in seen.tokens] == [LoginSucceeded, *[TokenFound] * 4]


async def test_two_gateways_with_a_revoked_token_log_in_once(tmp_path: Path) -> None:
    """Both replay with the token of the one login."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        settings = replace(config(origin.port), tokens=Tokens(StoreFile(str(tmp_path / "tokens.json"))))
        async with running(settings) as one, running(settings) as other:
            assert [await ask(one), await ask(other)] == [200, 200]
            platform.live.clear()
            assert set(await asyncio.gather(*(ask(app) for app in [one, other] * 20))) == {200}
    assert platform.logins == 2


async def test_a_revoked_token_costs_500_requests_one_login_and_no_401() -> None:
    """Every one of them is replayed once, with the token of the one login."""
    platform, seen = Platform(), Seen()
    async with raw_origin(platform.visit) as origin, running(config(origin.port), seen) as app:
        assert await ask(app) == 200
        platform.live.clear()
        statuses = await asyncio.gather(*(ask(app) for _ in range(500)))
    assert statuses == [200] * 500
    assert platform.logins == 2
    assert max(fact.attempts for fact in seen.finished) == 2


async def test_a_permanent_401_costs_two_logins_and_reaches_the_client() -> None:
    """What is not about the token costs one login, then none for a while; the origin's own answer is passed on."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        assert await ask(app) == 200
        platform.strict = True
        statuses = [await ask(app) for _ in range(200)]
    assert set(statuses) == {401}
    assert platform.logins == 2


async def test_wrong_keys_are_said_and_not_tried_again() -> None:
    """The login refused the keys: 502 for every request, one login in all."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port, key="wrong")) as app:
        statuses = [await ask(app) for _ in range(50)]
    assert set(statuses) == {502}
    assert platform.logins == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_login_that_gives_no_token_is_said_and_backs_off(reply: bytes) -> None:
    """503 with Retry-After, nothing reaches the origin, and the login is not hammered."""
    platform = Platform(login_reply=reply)
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        async with client_of(app) as client:
            answer = await client.get()
        statuses = [await ask(app) for _ in range(50)]
    assert answer.status == 503
    assert int(answer.values(b"retry-after")[0]) >= 1
    assert set(statuses) == {503}
    assert platform.logins == 1


async def test_a_token_is_refreshed_ahead_without_requests() -> None:
    """A timer keeps the token live: nobody has to ask. It lives longer than the second between two refreshes."""
    platform, seen = Platform(lifetime=2.0), Seen()
    async with raw_origin(platform.visit) as origin, running(config(origin.port), seen):
        while platform.logins < 3:
            await origin.got(platform.logins + 1)
    reasons = [str(event.reason) for event in seen.tokens if isinstance(event, LoginSucceeded)]
    assert reasons[:2] == ["start", "ahead"]


async def test_two_credentials_do_not_leak_into_each_other() -> None:
    """Each route's origin sees the token of its own credential alone."""
    one, two = Platform(), Platform()
    async with raw_origin(one.visit) as first, raw_origin(two.visit) as second:
        base, other = config(first.port), config(second.port)
        credential = replace(other.credentials["default"], name="other")
        routes = (
            replace(base.routes[0], path=b"/one"),
            replace(other.routes[0], path=b"/two", credential="other"),
        )
        settings = replace(
            base, routes=routes, credentials={"default": base.credentials["default"], "other": credential}
        )
        async with running(settings) as app:
            two.logins = 100
            statuses = await asyncio.gather(*(ask(app, target) for target in ("/one", "/two") * 50))
        assert set(statuses) == {200}
        assert tokens(first).isdisjoint(tokens(second))


def tokens(origin: RawOrigin) -> set[bytes]:
    """Return the credentials that an origin has seen."""
    return {value for arrived in origin.arrived for value in arrived.values(b"authorization")}


async def test_a_drain_finishes_what_runs() -> None:
    """Nothing new is accepted, the answer under way is finished, its connection told to close."""
    gate = asyncio.Event()
    platform = Platform()
    async with raw_origin(platform.visit) as origin, running(config(origin.port)) as app:
        assert await ask(app) == 200
        whole = platform.visit

        async def slow(visit: object) -> None:
            await gate.wait()
            await whole(visit)  # type: ignore[arg-type]  # a Visit

        origin.script = slow
        for pool in app.pools.values():
            pool.close()
        async with client_of(app) as busy, client_of(app) as idle:
            await busy.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            while not app.gateway.in_flight:  # noqa: ASYNC110  the gateway tells nobody, it is looked at
                await asyncio.sleep(0)
            draining = asyncio.create_task(app.drain())
            assert await idle.ended()
            gate.set()
            answer = await busy.answer()
            assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
            assert await draining
            with pytest.raises(ConnectionError):
                await ask(app)


async def test_a_drain_lets_each_ask_once_more_who_has_not_been_told() -> None:
    """Who was answered just now, or whose answer has begun: the next request may be on its way; its answer tells."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            if b"/slow" in arrived.line:
                await gate.wait()
            await visit.send(b"k")

    async with raw_origin(script) as origin:
        route = Route(b"/", Upstream("http", "127.0.0.1", origin.port))
        settings = replace(config(origin.port), routes=(route,), credentials={})
        async with running(settings) as app, client_of(app) as answered, client_of(app) as begun:
            assert (await answered.get()).values(b"connection") == []
            await begun.send(b"GET /slow HTTP/1.1\r\nHost: g\r\n\r\n")
            assert (await begun.answer(head_only=True)).values(b"connection") == []
            draining = asyncio.create_task(app.drain())
            while not app.draining:  # noqa: ASYNC110  likewise
                await asyncio.sleep(0)
            gate.set()
            assert await begun.reader.readexactly(2) == b"ok"
            for client in (answered, begun):
                last = await client.get()
                assert (last.status, last.body, last.values(b"connection")) == (200, b"ok", [b"close"])
                assert await client.ended()
            assert await draining


async def test_a_drain_that_takes_too_long_cuts() -> None:
    """After `drain_timeout` what still runs is cut."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        settings = replace(config(origin.port), server=Server((TcpAddress("127.0.0.1", 0),), drain_timeout=0.05))
        async with running(settings) as app:
            assert await ask(app) == 200
            origin.script = never
            for pool in app.pools.values():
                pool.close()
            async with client_of(app) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
                while not app.gateway.in_flight:  # noqa: ASYNC110  the gateway tells nobody, it is looked at
                    await asyncio.sleep(0)
                assert not await app.drain()
                assert await client.ended()


async def test_a_port_that_is_taken_is_said() -> None:
    """The line names the address, the reason and what to do."""
    async with raw_origin() as origin:
        settings = replace(config(origin.port), server=Server((TcpAddress("127.0.0.1", origin.port),)))
        with pytest.raises(StartError, match=rf"127\.0\.0\.1:{origin.port}: .*in use.*Port 0"):
            async with running(settings):
                pass


async def test_a_unix_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600, and a socket left over from an ended process is taken over."""
    path = str(tmp_path / "gateway.sock")
    async with raw_origin(Platform().visit) as origin:
        settings = replace(config(origin.port), server=Server((UnixAddress(path),)))
        for _ in range(2):
            async with running(settings) as app:
                assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
                assert await ask(app) == 200
        with pytest.raises(StartError, match=r"gateway\.sock"):
            async with running(settings), running(settings):
                pass
    arrived = origin.arrived[-1]
    assert arrived.values(b"x-forwarded-for") == []
