"""The token socket, asked over a real Unix socket."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from proxy.app import App
from proxy.config.settings import Config
from proxy.core.address import UnixAddress, Upstream
from proxy.core.injection import Injection, Place
from proxy.core.route import Route
from proxy.core.unreturned import LONG_ENOUGH
from proxy.listen import open_socket
from proxy.offers import Offer, offers
from proxy.token_socket import listen
from tests.fakes.gateway import Answered, RawClient
from tests.fakes.origin import raw_origin
from tests.fakes.platform import APIKEY, Platform
from tests.fakes.tokens import FakeSource
from tests.test_app import config, running

pytestmark = pytest.mark.usefixtures("loop_factory")

UPSTREAM = Upstream("https", "origin.example", 443)


@dataclass
class Asking:
    """A proxy that asks on a token socket."""

    path: Path

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[RawClient]:
        """Connect."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            yield RawClient(reader, writer)
        finally:
            writer.close()

    async def ask(self, line: str, refused: str | None = None) -> Answered:
        """Send a request line on a connection of its own, and return the answer."""
        more = "" if refused is None else f"X-Refused-Credential: {refused}\r\n"
        async with self.client() as client:
            await client.send(f"{line} HTTP/1.1\r\nHost: iam-proxy\r\n{more}\r\n".encode("latin-1"))
            return await client.answer(head_only=line.startswith("HEAD"))

    async def token(self, refused: str | None = None, path: str = "/x") -> str:
        """Return the credential that is handed out."""
        answer = await self.ask(f"GET /auth/default{path}", refused)
        assert answer.status == 200, answer
        assert answer.body == b""
        (value,) = answer.values(b"authorization")
        return value.decode()


@contextlib.asynccontextmanager
async def handing_out(folder: Path, found: Mapping[str, Offer]) -> AsyncIterator[Asking]:
    """Hand out what there is to be handed out."""
    path = folder / "token.sock"
    runner = await listen(lambda: found, open_socket(UnixAddress(str(path))))
    try:
        yield Asking(path)
    finally:
        await runner.cleanup()


@dataclass
class Front:
    """A gateway whose tokens are handed out, and its platform."""

    platform: Platform
    app: App
    asking: Asking


@contextlib.asynccontextmanager
async def front(folder: Path, platform: Platform, key: str = APIKEY) -> AsyncIterator[Front]:
    """Run a gateway in front of a platform."""
    async with raw_origin(platform.visit) as origin:
        settings: Config = config(origin.port, key)
        async with running(settings) as app, handing_out(folder, offers(settings.routes, app.sources)) as asking:
            yield Front(platform, app, asking)


async def test_the_field_to_send(tmp_path: Path) -> None:
    """Whatever the method and what stands behind the name; the answer has no body and is not kept."""
    async with front(tmp_path, Platform()) as it:
        for line in (
            "GET /auth/default",
            "GET /auth/default?x=/refused/default",
            "HEAD /auth/default/a",
            "POST /auth/default//a/../b/%zz%ff%0A?c[]=%",
            "DELETE /auth/default/http://x/",
            f"GET /auth/d%65fault/{'x' * 60_000}",
        ):
            answer = await it.asking.ask(line)
            assert (answer.status, answer.body) == (200, b""), line
            assert answer.values(b"authorization") == [b"Bearer token-1-of-the-platform"]
            assert answer.values(b"cache-control") == [b"no-store"]
        assert stat.S_IMODE(it.asking.path.stat().st_mode) == 0o600
    assert it.platform.logins == 1


async def test_who_asks_waits_for_the_login_in_flight(tmp_path: Path) -> None:
    """As any request does; one that leaves meanwhile stops nobody."""
    platform = Platform(gate=asyncio.Event())
    async with front(tmp_path, platform) as it:
        async with it.asking.client() as gone:
            await gone.send(b"GET /auth/default HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting = [asyncio.create_task(it.asking.token()) for _ in range(20)]
        while not platform.logins:  # noqa: ASYNC110  the platform tells nobody, it is looked at
            await asyncio.sleep(0)
        assert platform.gate is not None
        platform.gate.set()
        assert set(await asyncio.gather(*waiting)) == {"Bearer token-1-of-the-platform"}
    assert platform.logins == 1


async def test_no_token_is_no_200(tmp_path: Path) -> None:
    """503 with Retry-After where the login fails, 502 where the keys are refused; with our codes."""
    failing = Platform(login_reply=b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    async with front(tmp_path, failing) as it:
        answer = await it.asking.ask("GET /auth/default")
        assert answer.status == 503
        assert int(answer.values(b"retry-after")[0]) >= 1
        assert b'"code":"login_unavailable"' in answer.body
    async with front(tmp_path, Platform(), key="wrong") as it:
        answer = await it.asking.ask("GET /auth/default")
        assert answer.status == 502
        assert b'"code":"login_rejected"' in answer.body


async def test_a_refused_one_is_replaced_once_for_all(tmp_path: Path) -> None:
    """Forty at once: one login. Given back late it costs nothing, nor does one that was never ours."""
    async with front(tmp_path, Platform()) as it:
        first = await it.asking.token()
        newer = await asyncio.gather(*(it.asking.token(first, f"/{number}") for number in range(40)))
        assert set(newer) == {"Bearer token-2-of-the-platform"}
        assert await it.asking.token(first) == "Bearer token-2-of-the-platform"
        assert await it.asking.token("Bearer made-up") == "Bearer token-2-of-the-platform"
        assert await it.asking.token("") == "Bearer token-2-of-the-platform"
        assert (await it.asking.ask("POST /refused/default/x", first)).status == 204
        assert await it.asking.token() == "Bearer token-2-of-the-platform"
    assert it.platform.logins == 2


async def test_one_that_is_only_given_back_is_replaced_behind(tmp_path: Path) -> None:
    """204 at once; who asks next has the newer one."""
    async with front(tmp_path, Platform()) as it:
        first = await it.asking.token()
        answers = await asyncio.gather(*(it.asking.ask("POST /refused/default/x", first) for _ in range(20)))
        assert {(answer.status, answer.body) for answer in answers} == {(204, b"")}
        assert await it.asking.token() == "Bearer token-2-of-the-platform"
    assert it.platform.logins == 2


@pytest.mark.parametrize("waits", [True, False])
async def test_a_permanent_refusal_costs_two_logins(waits: bool, tmp_path: Path) -> None:
    """What every token is refused for is handed the same one again, so that the caller gets the origin's answer."""
    async with front(tmp_path, Platform()) as it:
        handed = []
        for _ in range(10):
            sent = await it.asking.token(path="/forbidden")
            if not waits:
                await it.asking.ask("POST /refused/default/forbidden", sent)
            handed.append(await it.asking.token(sent if waits else None, "/forbidden"))
    assert handed == ["Bearer token-2-of-the-platform"] * 10
    assert it.platform.logins == 2


async def test_a_login_that_fails_behind_a_refusal_is_said(tmp_path: Path) -> None:
    """The refused token is not handed out again."""
    async with front(tmp_path, Platform()) as it:
        first = await it.asking.token()
        it.platform.login_reply = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        assert (await it.asking.ask("GET /auth/default/x", first)).status == 503
        assert (await it.asking.ask("GET /auth/default/x")).status == 503


async def test_what_is_asked_wrongly(tmp_path: Path) -> None:
    """Unknown names and places are 404, a refusal of nothing 400."""
    async with front(tmp_path, Platform()) as it:
        for line in ("GET /auth/other", "GET /auth", "GET /", "GET /refresh/default", "POST /refused/other"):
            answer = await it.asking.ask(line, "Bearer x")
            assert answer.status == 404, line
            assert b'"code":"no_route"' in answer.body
        assert (await it.asking.ask("POST /refused/default")).status == 400


async def test_what_cannot_be_read_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody may send a token in the wrong place."""
    async with front(tmp_path, Platform()) as it, it.asking.client() as client:
        await client.send(b"GET /auth/default HTTP/1.1\r\nHost: x\r\nBearer\x01 secret-token\r\n\r\n")
        assert (await client.answer()).status == 400
    assert caplog.text == ""


async def test_a_defect_costs_one_answer(tmp_path: Path) -> None:
    """500, without a word of what it was."""
    broken = FakeSource(error=RuntimeError("secret-token"))
    async with handing_out(tmp_path, {"default": Offer(broken, Injection())}) as asking:
        answer = await asking.ask("GET /auth/default")
    assert answer.status == 500
    assert b"secret-token" not in answer.body


def test_a_credential_is_offered_as_its_first_route_sends_it_in_a_field() -> None:
    """One that stands in a query or a cookie alone is not: nginx and Envoy take fields."""
    one, vault = Injection(), Injection(Place.FIELD, b"X-Vault-Token", b"")
    query, cookie = Injection(Place.QUERY, b"token", b""), Injection(Place.COOKIE, b"token", b"")
    route = Route(b"/", UPSTREAM)
    routes = [
        replace(route, credential="a", injection=query),
        replace(route, credential="a", injection=vault),
        replace(route, credential="a", injection=one),
        replace(route, credential="b", injection=cookie),
        route,
    ]
    found = offers(routes, {"a": FakeSource(), "b": FakeSource()})
    assert list(found) == ["a"]
    token = FakeSource().current()
    assert token is not None
    assert found["a"].field(token) == {"X-Vault-Token": "token-1"}


async def test_silence_is_acceptance() -> None:
    """What keeps a token for long is told to its source with the next refusal; what gives it back is not."""
    source = FakeSource(believes=False)
    offer = Offer(source, Injection())
    await offer.first("kept", 100.0)
    await offer.first("refused", 100.0)
    offer.take_back("Bearer token-1", "refused", 100.0 + LONG_ENOUGH)
    assert source.accepts == ["kept"]
    assert source.refused == ["refused"]
    assert source.replays_refused == []


async def test_a_second_refusal_for_the_same_is_that_of_a_replay() -> None:
    """Of a path that was given the token in the place of a refused one, and has not kept it."""
    source = FakeSource()
    offer = Offer(source, Injection())
    await offer.first("a", 100.0)
    assert (await offer.instead_of("Bearer token-1", "a", 100.0)).value == "token-2"
    await offer.first("a", 200.0)
    source.believes = False
    assert (await offer.instead_of("Bearer token-2", "a", 200.0)).value == "token-2"
    assert source.replays_refused == ["a"]


@contextlib.asynccontextmanager
async def offered() -> AsyncIterator[Callable[[str, float], Awaitable[str]]]:
    """Offer the tokens of a platform; yields how a path asks for one, has it refused and is handed the next."""
    async with raw_origin(Platform().visit) as origin:
        settings = config(origin.port)
        async with running(settings) as app:
            offer = offers(settings.routes, app.sources)["default"]

            async def refused(path: str, now: float) -> str:
                (sent,) = offer.field(await offer.first(path, now)).values()
                return (await offer.instead_of(sent, path, now)).value

            async def asked(path: str, now: float) -> str:
                return (await offer.first(path, now)).value

            yield lambda path, now: refused(path.removesuffix("!"), now) if path.endswith("!") else asked(path, now)


async def test_revocations_in_a_row_are_believed() -> None:
    """Where the path has kept the token in between."""
    async with offered() as asking:
        handed = []
        for now in (1000.0, 1100.0, 1200.0):
            handed.append(await asking("/q!", now))
            assert await asking("/q", now) == await asking("/q", now + LONG_ENOUGH) == handed[-1]
    assert handed == ["token-2-of-the-platform", "token-3-of-the-platform", "token-4-of-the-platform"]


async def test_a_path_that_takes_no_token_does_not_hold_up_the_others() -> None:
    """Its refusals are doubted; theirs, of a token that they have kept, are believed."""
    async with offered() as asking:
        assert await asking("/forbidden!", 1000.0) == "token-2-of-the-platform"
        assert await asking("/q", 1000.0) == "token-2-of-the-platform"
        for now in (1030.0, 1031.0, 1032.0):
            assert await asking("/forbidden!", now) == "token-2-of-the-platform"
        assert await asking("/q!", 1040.0) == "token-3-of-the-platform"
