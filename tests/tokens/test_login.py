"""A login is one bounded request; whatever goes wrong in it becomes an error of ours that tells no secret."""

import asyncio
import gzip
import json
import threading
import time
import traceback
import zlib
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from proxy.core.credential import Credential
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.errors import LoginError, LoginRejected, LoginUnavailable, SecretUnavailable
from proxy.tokens.login import MAX_ANSWER, Login, SessionFactory, login_session
from tests.core.secrets import Given, credential
from tests.tokens.clock import FakeClock
from tests.tokens.login_server import TOKEN, Script, answer, login_server, session, silence, then_close, then_silence

SECRETS = ("the-key", "the-secret", TOKEN)


def login(about: str | Credential, clock: FakeClock | None = None, connect: SessionFactory = login_session) -> Login:
    """Return a login with made-up keys, on a fake clock and at a fixed date."""
    described = credential(about) if isinstance(about, str) else about
    return Login(
        described, clock=clock or FakeClock(), session=connect, wall=lambda: 1_600_000_000.0, jitter=lambda: 0.0
    )


async def issued(by: Login) -> Token:
    """Read the secrets and log in."""
    return await by.issue(await by.identify())


async def failed(by: Login) -> LoginError:
    """Return how a login fails; the error tells nothing that it must not, however it is printed."""
    with pytest.raises(LoginError) as caught:
        await issued(by)
    error = caught.value
    printed = "".join(traceback.format_exception(error)) + repr(error) + error.cause + error.detail
    assert not any(secret in printed for secret in SECRETS)
    assert error.__cause__ is None
    return error


async def test_the_request_is_what_the_platform_documents() -> None:
    """One POST, JSON, no cookie, no credentials of any other kind."""
    async with login_server() as server:
        await issued(login(server.url))
        (asked,) = server.asked
    assert asked.line == "POST /iam/login HTTP/1.1"
    assert json.loads(asked.body) == {"auth_mode": "apikey", "apikey": "the-key", "secretkey": "the-secret"}
    assert asked.fields["content-type"] == "application/json"
    assert asked.fields["accept-encoding"] == "gzip, deflate"
    assert not {"cookie", "authorization"} & asked.fields.keys()


async def test_the_lifetime_counts_from_the_moment_of_asking() -> None:
    """An answer that took its time does not lengthen it; the ttl counts where the answer names no expiry."""
    clock = FakeClock(now=5000.0)

    async def slowly(writer: asyncio.StreamWriter) -> None:
        clock.advance(7.0)
        writer.write(answer(session()))

    async with login_server(slowly) as server:
        token = await issued(login(server.url, clock))
    assert (token.value, token.expires_at, token.stale_at) == (TOKEN, 8600.0, 7700.0)


async def test_the_date_of_the_answer_corrects_its_expiry() -> None:
    """A platform ten minutes ahead."""
    body = session(token_expire=1_600_000_600 + 3600)
    async with login_server(answer(body, "Date: Sun, 13 Sep 2020 12:36:40 GMT")) as server:
        token = await issued(login(server.url, FakeClock(now=0.0)))
    assert token.expires_at == 3599.0


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(session())), ("deflate", zlib.compress(session())), ("identity", session())],
)
async def test_compressed_answers_are_taken(coding: str, packed: bytes) -> None:
    """As we say that we take them."""
    async with login_server(answer(packed, f"Content-Encoding: {coding}")) as server:
        assert (await issued(login(server.url))).value == TOKEN


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden"])
async def test_refused_keys_are_rejected(status: str) -> None:
    """The cause names the status."""
    async with login_server(answer(session(error=TOKEN), status=status)) as server:
        error = await failed(login(server.url))
    assert isinstance(error, LoginRejected)
    assert error.cause == f"status {status[:3]}"


BAD_ANSWERS: dict[str, bytes | Script] = {
    "500": answer(session(), status="500 Oops"),
    "404": answer(session(), status="404 Not Found"),
    "429": answer(session(), status="429 Slow Down"),
    "empty": answer(b""),
    "not JSON": answer(f"<html>{TOKEN} the-secret".encode()),
    "no token": answer(f'{{"tok": "{TOKEN}"}}'.encode()),
    "unusable": answer(session(TOKEN + "\r\nX: y")),
    "closed at once": then_close(b""),
    "cut in the head": then_close(b"HTTP/1.1 200 OK\r\nX-Token: " + TOKEN.encode()),
    "cut in the body": then_close(answer(session())[:-5]),
    "cut in a chunk": then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + session()),
    "no HTTP": then_close(b"SSH-2.0 " + TOKEN.encode() + b"\r\n\r\n"),
    "bad field": then_close(b"HTTP/1.1 200 OK\r\nbad " + TOKEN.encode() + b": the-secret\r\n\r\n"),
    "bad length": then_close(b"HTTP/1.1 200 OK\r\nContent-Length: " + TOKEN.encode() + b"\r\n\r\n"),
    "bad chunk": then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + session() + b"\r\n"),
    "endless head": then_close(b"HTTP/1.1 200 OK\r\nX: " + TOKEN.encode() * 10_000),
    "bad gzip": answer(session(), "Content-Encoding: gzip"),
    "unknown coding": answer(session(), "Content-Encoding: " + TOKEN),
    "large": answer(session(filler="x" * MAX_ANSWER)),
    "bomb": answer(gzip.compress(bytes(50 * MAX_ANSWER)), "Content-Encoding: gzip"),
    "redirect away": answer(b"", "Location: http://localhost:1/" + TOKEN, status="307 Elsewhere"),
    "redirect to GET": answer(b"", "Location: /" + TOKEN, status="302 Found"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_every_other_failure_is_unavailable(name: str) -> None:
    """One request is sent, and neither what was sent nor what came back is in the error."""
    async with login_server(BAD_ANSWERS[name]) as server:
        error = await failed(login(server.url))
        assert len(server.asked) == 1
    assert isinstance(error, LoginUnavailable)
    assert error.cause


async def test_an_endless_answer_is_cut_off() -> None:
    """What has no length is bounded all the same."""

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()

    async with login_server(endless) as server:
        assert "larger than" in (await failed(login(server.url))).cause


@pytest.mark.parametrize(
    "script",
    [silence, then_silence(b"HTTP/1.1 200 OK\r\nX"), then_silence(answer(session())[:-1]), then_silence(b"")],
    ids=["nothing", "part of the head", "part of the body", "not a byte"],
)
async def test_the_whole_answer_has_to_come_in_time(script: Script) -> None:
    """`login_timeout` counts from the beginning to the last byte, and not a moment less."""
    clock = FakeClock()
    async with login_server(script) as server:
        task = asyncio.create_task(failed(login(server.url, clock)))
        await server.arrived.wait()
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert not task.done()
        clock.advance(0.1)
        error = await task
    assert isinstance(error, LoginUnavailable)
    assert error.cause == "no complete answer within 10 s"
    assert clock.pending == []


async def test_a_slow_drip_does_not_lengthen_the_time() -> None:
    """A byte each second keeps no login alive."""
    clock = FakeClock()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(30):
            writer.write(b" ")
            await writer.drain()
            clock.advance(1.0)
            await asyncio.sleep(0)

    async with login_server(drip) as server:
        error = await failed(login(server.url, clock))
        assert "within 10 s" in error.cause


async def test_redirects_within_the_host_are_followed() -> None:
    """Up to three, with the body each time."""
    hops = [answer(b"", f"Location: /hop/{number}", status="307 Elsewhere") for number in range(3)]
    async with login_server(*hops, answer(session())) as server:
        token = await issued(login(server.url))
        asked = server.asked
    assert token.value == TOKEN
    assert [each.line.split()[1] for each in asked] == ["/iam/login", "/hop/0", "/hop/1", "/hop/2"]
    assert len({each.body for each in asked}) == 1


async def test_a_fourth_redirect_is_not() -> None:
    """A loop ends."""
    async with login_server(answer(b"", "Location: /again", status="308 Elsewhere")) as server:
        error = await failed(login(server.url))
        assert len(server.asked) == 4
    assert error.cause == "status 308"


async def test_secrets_do_not_follow_a_redirect_to_another_host() -> None:
    """The other server never hears of it."""
    async with login_server() as other:
        away = answer(b"", f"Location: {other.url}", status="307 Elsewhere")
        async with login_server(away) as server:
            error = await failed(login(server.url))
        assert other.asked == []
    assert error.cause == "status 307"


async def test_cookies_are_not_kept() -> None:
    """Neither from login to login nor along a redirect."""
    hop = answer(b"", "Set-Cookie: a=b; Path=/", "Location: /x", status="307 Elsewhere")
    async with login_server(hop, answer(session(), "Set-Cookie: c=d; Path=/")) as server:
        by = login(server.url)
        await issued(by)
        await issued(by)
        assert len(server.asked) == 3
        assert not any("cookie" in asked.fields for asked in server.asked)


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither its proxies nor its netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with login_server() as server:
        await issued(login(server.url))
        assert "authorization" not in server.asked[0].fields


async def test_nobody_listens() -> None:
    """The cause says so."""
    async with login_server() as server:
        url = server.url
    error = await failed(login(url))
    assert isinstance(error, LoginUnavailable)
    assert "no connection to the login: " in error.cause


async def test_a_name_without_an_address() -> None:
    """The cause says so."""

    class Nowhere(aiohttp.abc.AbstractResolver):
        async def resolve(self, *_: object, **__: object) -> list[aiohttp.abc.ResolveResult]:
            raise OSError(None, "Name or service not known")

        async def close(self) -> None:
            pass

    async def connect(_verification: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Nowhere()))

    error = await failed(login("http://iam.invalid/login", connect=connect))
    assert error.cause == "the host name iam.invalid has no address"


async def test_a_url_that_is_none() -> None:
    """Also an error of ours."""
    assert isinstance(await failed(login("http://")), LoginUnavailable)


@dataclass
class Watched:
    """A secret that remembers who read it; `broken` gives none."""

    text: str = "the-key"
    poll: float | None = 5.0
    broken: bool = False
    reads: int = 0
    thread: int = 0

    def read(self) -> Secret:
        """Return the secret."""
        self.reads += 1
        self.thread = threading.get_ident()
        if self.broken:
            raise SecretUnavailable("file /run/secrets/key: no such file")
        return Secret(self.text)


async def test_secrets_are_read_anew_for_each_login() -> None:
    """A rotated one is used by the next, under another key; the reading does not hold up the loop."""
    source = Watched()
    async with login_server() as server:
        by = login(credential(server.url, apikey=source))
        before = await by.identify()
        await by.issue(before)
        source.text = "rotated"
        after = await by.identify()
        await by.issue(after)
        bodies = [json.loads(asked.body)["apikey"] for asked in server.asked]
    assert bodies == ["the-key", "rotated"]
    assert before.key != after.key
    assert source.thread != threading.get_ident()


async def test_only_what_can_change_is_read_again() -> None:
    """A command that asks for a PIN is not run every five seconds."""
    command, file = Watched("from a command", poll=None), Watched("from a file")
    by = login(credential(apikey=command, secretkey=file))
    known = await by.identify()
    command.text = file.text = "another"
    again = await by.identify(known)
    assert (command.reads, file.reads) == (1, 2)
    assert again.secrets["apikey"].reveal() == "from a command"
    assert again.key != known.key
    assert by.poll == 5.0
    assert login(credential(apikey=command, secretkey=Given("x"))).poll is None
    assert login(credential(apikey=Watched(poll=60.0), secretkey=file)).poll == 60.0


async def test_a_secret_that_cannot_be_read() -> None:
    """The login is unavailable; the cause names the place."""
    by = login(credential(apikey=Watched(broken=True)))
    error = await failed(by)
    assert isinstance(error, LoginUnavailable)
    assert error.cause == "file /run/secrets/key: no such file"


async def test_a_secret_that_takes_too_long() -> None:
    """A source that hangs does not hang the login."""
    clock, released = FakeClock(), threading.Event()

    class Hanging(Watched):
        def read(self) -> Secret:
            released.wait(20.0)
            return Secret("late")

    by = login(credential(apikey=Hanging()), clock)
    task = asyncio.create_task(failed(by))
    await asyncio.sleep(0)
    clock.advance(10.0)
    error = await task
    released.set()
    assert error.cause == "the secrets could not be read within 10 s"


@pytest.mark.parametrize(
    "script", [silence, then_silence(b"HTTP/1.1 200 OK\r\nX"), then_silence(answer(session())[:-1])]
)
async def test_a_login_can_be_cancelled_wherever_it_waits(script: Script) -> None:
    """While the answer is awaited or read: nothing is left behind, and the next login works."""
    clock = FakeClock()
    async with login_server(script, answer(session())) as server:
        by = login(server.url, clock)
        task = asyncio.create_task(issued(by))
        await server.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.pending == []
        assert (await issued(by)).value == TOKEN


async def test_a_login_can_be_cancelled_at_every_turn_of_the_loop() -> None:
    """While reading the secrets, preparing TLS, connecting, sending, reading: always CancelledError or a token."""
    async with login_server() as server:
        for turns in range(60):
            clock = FakeClock()
            task = asyncio.create_task(issued(login(server.url, clock)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(result, asyncio.CancelledError | Token)
            assert clock.pending == []


async def test_real_time_and_chance_are_the_defaults() -> None:
    """The loop counts the lifetime, the system's clock reads the date."""
    loop = asyncio.get_running_loop()
    async with login_server(answer(session(token_expire=time.time() + 100))) as server:
        by = Login(credential(server.url), clock=loop)
        sent = loop.time()
        token = await issued(by)
    assert 95 < token.expires_at - sent < 101
    assert 0.75 * 95 < token.stale_at - sent < 0.85 * 101


def descriptors() -> int:
    """Return how many file descriptors are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_login_leaves_no_file_descriptor_open() -> None:
    """Each closes its connection."""
    async with login_server() as server:
        by = login(server.url)
        await issued(by)
        before = descriptors()
        for _ in range(10):
            await issued(by)
        assert descriptors() <= before + 2  # the server may not have closed its side of the last one yet
