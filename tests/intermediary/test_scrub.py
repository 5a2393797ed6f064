"""A route with `scrub`: an origin that says what it was sent is not heard (interface.md, `scrub`)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.core.route import Route
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.errors import LoginRejected
from tests.fakes.gateway import Answered, Bench, gateway_to, upstream
from tests.fakes.origin import OK, UNAUTHORIZED, Script, Visit, raw_origin
from tests.fakes.tokens import FakeSource

pytestmark = pytest.mark.usefixtures("loop_factory")

SECRET = "s3cr3t/key+1"
TOKEN = b"token-1"
LEAK = b"<%b %b %b> tok" % (TOKEN, SECRET.encode(), base64.b64encode(b"user:" + SECRET.encode()))
# Of base64, the digits that the secret shares with its neighbours are not its own.
LAST = base64.b64encode(b"user:" + SECRET.encode())[22:]
CLEAN = b"<%b %b %b> tok" % (b"*" * 7, b"*" * 12, b"dXNlcjp" + b"*" * 15 + LAST)


def scrubbing(route: Route) -> Route:
    """Turn `scrub` on."""
    return replace(route, scrub=True)


@asynccontextmanager
async def scrubbed(
    script: Script, route: Callable[[Route], Route] = scrubbing, source: FakeSource | None = None
) -> AsyncIterator[tuple[Bench, list[bytes]]]:
    """Run a gateway that scrubs in front of a script; yield it and the heads that arrive."""
    source = source or FakeSource(secrets=(SECRET,))
    async with raw_origin(script) as origin, gateway_to(origin.port, route=route, source=source) as bench:
        yield bench, origin.heads


def sends(*replies: bytes) -> Script:
    """Return a script that gives each connection these answers in turn, then closes."""

    async def script(visit: Visit) -> None:
        for reply in replies:
            await visit.request()
            await visit.send(reply)

    return script


def reply(body: bytes, framing: str, pieces: int = 0) -> list[bytes]:
    """Return an answer in so many pieces (0: one for each byte of the body), framed in one of three ways."""
    size = len(body) // pieces if pieces else 1
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    if framing == "chunked":
        cut = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut] + [b"0\r\n\r\n"]
    lines = {
        "chunked": b"Transfer-Encoding: chunked\r\n",
        "length": b"Content-Length: %d\r\n" % len(body),
        "close": b"",
    }
    return [b"HTTP/1.1 200 OK\r\n%b\r\n" % lines[framing], *cut]


async def echo(visit: Visit) -> None:
    """Send each request back, as its answer's body and once more in JSON."""
    while True:
        head = await visit.head()
        body = head + json.dumps(head.decode()).encode()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def test_an_echo_tells_nothing() -> None:
    """What the origin was sent comes back but for the token."""
    async with scrubbed(echo) as (bench, heads), bench.client() as client:
        answer = await client.get("/echo")
    assert TOKEN in heads[0]
    assert answer.body == (heads[0] + json.dumps(heads[0].decode()).encode()).replace(TOKEN, b"*" * 7)


async def test_without_scrub_everything_passes() -> None:
    """It is off unless a route says so."""
    async with scrubbed(echo, route=lambda route: route) as (bench, heads), bench.client() as client:
        answer = await client.get("/echo", "Accept-Encoding: gzip", "Range: bytes=0-")
    assert answer.body.startswith(heads[0])
    assert b"Accept-Encoding: gzip\r\nRange: bytes=0-\r\n" in heads[0]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("pieces", [1, 2, 7, 0])
async def test_every_framing_and_every_cut(framing: str, version: str, pieces: int) -> None:
    """Token, secret and the secret within base64, in pieces that arrive one by one; the length stays.

    What is held back at the end, because it may become a token, leaves with the end.
    """

    async def script(visit: Visit) -> None:
        await visit.request()
        for piece in reply(LEAK, framing, pieces):
            await visit.send(piece)
            await asyncio.sleep(0)  # so that the gateway reads this piece by itself

    async with scrubbed(script) as (bench, _), bench.client() as client:
        await client.send(f"GET / HTTP/{version}\r\nHost: g\r\n\r\n".encode())
        answer = await client.answer()
    assert (answer.body, answer.whole) == (CLEAN, True)


async def test_a_cut_at_every_place() -> None:
    """The origin sends a half only after the client has had what can be shown of the one before."""
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        for cut in range(1, len(LEAK)):
            await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(LEAK), LEAK[:cut]))
            await gate.wait()
            gate.clear()
            await visit.send(LEAK[cut:])

    async with scrubbed(script) as (bench, _), bench.client() as client:
        for _ in range(1, len(LEAK)):
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await client.reader.readuntil(b"\r\n\r\n")
            gate.set()
            assert await client.reader.readexactly(len(CLEAN)) == CLEAN


async def test_every_field_the_reason_interim_answers_and_trailers() -> None:
    """Whatever a client may read; digests and offers of parts go, since bytes may change."""
    early = b"HTTP/1.1 103 Hints of token-1\r\nLink: </x?token=token-1>\r\nDigest: a=b\r\n\r\n"
    head = (
        b"HTTP/1.1 200 Fine token-1\r\nSet-Cookie: s=token-1; Path=/\r\nLocation: /next?t=s3cr3t%2fkey%2b1\r\n"
        b'X-token-1: a\r\nProxy-Status: token-1\r\nWWW-Authenticate: Bearer token-1\r\nETag: "token-1"\r\n'
        b"Content-Digest: sha-256=:x:\r\nrepr-digest: y\r\nDigest: z\r\nContent-MD5: m\r\nAccept-Ranges: bytes\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: X-End, Digest\r\n\r\n"
    )
    end = b"0\r\nX-End: token-1\r\nDigest: z\r\nX-token-1: b\r\n\r\n"
    async with scrubbed(sends(early + head + end)) as (bench, _), bench.client() as client:
        hints = await client.get()
        answer = await client.answer()
    assert hints.head == b"HTTP/1.1 103 Hints of *******\r\nLink: </x?token=*******>\r\n\r\n"
    assert answer.head.startswith(b"HTTP/1.1 200 Fine *******\r\n")
    assert [field for field in answer.fields if field[0] != b"Date"] == [
        (b"Set-Cookie", b"s=*******; Path=/"),
        (b"Location", b"/next?t=****************"),
        (b"X-*******", b"a"),
        (b"Proxy-Status", b"*******"),
        (b"WWW-Authenticate", b"Bearer *******"),
        (b"ETag", b'"*******"'),
        (b"Trailer", b"X-End, Digest"),
        (b"Transfer-Encoding", b"chunked"),
    ]
    assert answer.trailers == b"X-End: *******\r\nX-*******: b\r\n"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK"])
async def test_answers_without_a_body(status: bytes) -> None:
    """HEAD, 204 and 304: their fields alone, and a coding that describes no content is no fault."""
    head = b"HTTP/1.1 %b\r\nX: token-1\r\nContent-Encoding: gzip\r\nETag: x\r\n" % status
    length = b"" if status.startswith(b"204") else b"Content-Length: 5\r\n"
    async with scrubbed(sends(head + length + b"\r\n", OK)) as (bench, _), bench.client() as client:
        await client.send(b"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n")
        answer = await client.answer(head_only=True)
        assert (answer.values(b"x"), answer.values(b"content-encoding")) == ([b"*******"], [b"gzip"])
        assert (await client.get()).body == b"ok"


async def test_the_request_asks_for_what_can_be_looked_through() -> None:
    """No coding, no part, no difference; whatever spelling CGI would read as such."""
    lines = ("Accept-Encoding: gzip", "RANGE: bytes=0-5", "If-Range: x", "Accept_Encoding: br", "A-IM: vcdiff", "X: 1")
    async with scrubbed(sends(OK)) as (bench, heads), bench.client() as client:
        await client.get("/", *lines)
    sent = heads[0].lower()
    assert sent.count(b"\r\naccept-encoding: identity\r\nauthorization: bearer token-1\r\n") == 1
    assert b"\r\nx: 1\r\n" in sent
    assert not any(word in sent for word in (b"gzip", b"range", b"accept_", b"a-im"))


@pytest.mark.parametrize("coding", [b"gzip", b"identity, br", b"GZIP", b"unheard-of"])
async def test_an_answer_that_is_coded_all_the_same_is_not_passed_on(coding: bytes) -> None:
    """It cannot be looked through; the caller is told why, the log as well."""
    coded = b"HTTP/1.1 200 OK\r\nX: token-1\r\nContent-Encoding: %b\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\0" % coding
    async with scrubbed(sends(coded, OK)) as (bench, heads), bench.client() as client:
        answer = await client.get()
        assert answer.status == 502
        told = json.loads(answer.body)
        assert (told["code"], told["title"]) == ("bad_upstream", "The platform's answer cannot be looked through")
        assert TOKEN not in answer.head + answer.body
        assert (await bench.facts(1))[0].cause == "a content coding on a route with scrub"
        assert (await client.get()).body == b"ok"
    assert len(heads) == 2


@pytest.mark.parametrize("coding", [b"Content-Encoding: identity\r\n", b"Content-Encoding:\r\n", b""])
async def test_an_answer_that_says_it_is_not_coded_passes(coding: bytes) -> None:
    """As some origins do."""
    body = b"HTTP/1.1 200 OK\r\n%bContent-Length: 7\r\n\r\ntoken-1" % coding
    async with scrubbed(sends(body)) as (bench, _), bench.client() as client:
        assert (await client.get()).body == b"*******"


async def test_a_part_that_nobody_asked_for_is_scrubbed() -> None:
    """The range was left out, the origin sends one all the same."""
    part = b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-6/9\r\nContent-Length: 7\r\n\r\ntoken-1"
    async with scrubbed(sends(part)) as (bench, _), bench.client() as client:
        answer = await client.get("/", "Range: bytes=0-6")
    assert (answer.status, answer.body) == (206, b"*******")


async def test_nothing_is_upgraded() -> None:
    """What crosses in a tunnel cannot be looked through: the origin is not asked, and TE is all that is left."""
    async with scrubbed(echo) as (bench, heads), bench.client() as client:
        answer = await client.get("/ws", "Connection: Upgrade, TE", "Upgrade: websocket", "TE: trailers", "X: 1")
        assert answer.status == 200
        assert b"\r\nTE: trailers\r\nConnection: TE\r\n" in heads[0]
        assert b"upgrade" not in heads[0].lower()
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        await client.send(b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        await client.answer()
        assert b"upgrade" not in heads[1].lower()
        assert b"\r\nExpect: 100-continue\r\n" in heads[1]


async def test_a_switch_that_was_not_asked_for_is_refused() -> None:
    """An origin that switches all the same speaks to nobody."""
    switch = b"HTTP/1.1 101 Now\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\ntoken-1"
    async with scrubbed(sends(switch)) as (bench, _), bench.client() as client:
        answer = await client.get("/ws", "Connection: Upgrade", "Upgrade: websocket")
    assert answer.status == 502


async def test_a_refused_token_stays_hidden_behind_its_replay() -> None:
    """Each attempt's token: the second answer may speak of the first."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\ntoken-1 token-2"
    async with scrubbed(sends(UNAUTHORIZED, said)) as (bench, heads), bench.client() as client:
        answer = await client.get()
    assert (len(heads), answer.body) == (2, b"******* *******")


async def test_a_coded_refusal_is_still_a_refusal() -> None:
    """What is never passed on need not be looked through."""
    refusal = b"HTTP/1.1 401 No\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
    async with scrubbed(sends(refusal, OK)) as (bench, _), bench.client() as client:
        assert (await client.get()).body == b"ok"


async def test_a_refusal_that_is_passed_on_is_scrubbed() -> None:
    """Also where some of its body was looked at before."""
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 14\r\n\r\nno for token-1"
    async with scrubbed(sends(refusal)) as (bench, _), bench.client() as client:
        assert (await client.get()).body == b"no for *******"


async def test_events_do_not_wait() -> None:
    """The origin sends an event only after the client has read the one before, each with the token in it."""
    read = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(10):
            event = b"data: %d token-1\n\n" % number
            await visit.send(b"%x\r\n%b\r\n" % (len(event), event))
            await read.wait()
            read.clear()
        await visit.send(b"0\r\n\r\n")

    async with scrubbed(script) as (bench, _), bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        for number in range(10):
            await client.reader.readuntil(b"data: %d *******\n\n" % number)
            read.set()


async def test_a_body_that_is_cut_stays_cut() -> None:
    """What was held back is not shown, and the answer does not look complete."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthis is tok")

    async with scrubbed(script) as (bench, _), bench.client() as client:
        answer = await client.get()
    assert (answer.body in {b"", b"this is "}, answer.whole) == (True, False)


async def test_a_slow_reader_holds_the_origin_back() -> None:
    """Backpressure is as without: what waits stays within the write buffer."""
    blocked = asyncio.Event()

    async def flood(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 70000000\r\n\r\n")
        for _ in range(100):
            visit.writer.write(TOKEN * 100_000)
            if visit.writer.transport.get_write_buffer_size() > 30_000_000:
                blocked.set()
        await visit.writer.drain()

    async with scrubbed(flood) as (bench, _), bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await blocked.wait()
        connection = next(iter(bench.clients))
        most = 0
        for _ in range(200):
            await bench.turns(1)
            most = max(most, connection.transport.get_write_buffer_size())  # type: ignore[attr-defined]
        assert 0 < most < 2 * 1024 * 1024
        await client.reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            assert await client.reader.readexactly(70_000) == b"*" * 70_000
        client.reset()
        await bench.clients.gone()


def keeping(route: Route) -> Route:
    """Turn `scrub` on for a route that lets the caller's own credential pass."""
    return replace(route, scrub=True, client_authorization="keep")


async def own(bench: Bench) -> Answered:
    """Send a request with a credential of its own."""
    async with bench.client() as client:
        return await client.get("/", "Authorization: Bearer mine-mine")


async def test_the_callers_own_credential_is_not_ours_to_hide() -> None:
    """But the gateway's are, whoever asks."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nmine-mine token-1"
    async with scrubbed(sends(said), route=keeping) as (bench, _):
        assert (await own(bench)).body == b"mine-mine *******"


class Untold(FakeSource):
    """A source whose secrets are read for its first login."""

    asked = 0
    readable = True

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """Nothing before the first login."""
        return super().hidden if self.asked and self.readable else ()

    async def token(self) -> Token:
        """Count who waits for a login."""
        self.asked += 1
        return await super().token()


@pytest.mark.parametrize("error", [None, LoginRejected()])
async def test_who_needs_no_token_waits_until_it_is_known_what_to_hide(error: Exception | None) -> None:
    """The secrets are read for a login; whether that succeeds does not matter."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ns3cr3t/key+1"
    source = Untold(secrets=(SECRET,), error=error)
    async with scrubbed(sends(said), route=keeping, source=source) as (bench, _):
        assert (await own(bench)).body == b"*" * 12
    assert source.asked == 1


async def test_what_cannot_be_read_cannot_be_hidden() -> None:
    """Then nothing is asked of the origin."""
    source = Untold(error=LoginRejected())
    source.readable = False
    async with scrubbed(sends(OK), route=keeping, source=source) as (bench, heads):
        assert (await own(bench)).status == 502
    assert heads == []


async def test_what_is_hidden_follows_the_secrets() -> None:
    """A key that has changed is hidden from the next request on; for the same set nothing is made anew."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nanother s3cr3t-2"
    source = FakeSource(secrets=("another",))
    async with scrubbed(sends(said, said, said), source=source) as (bench, _), bench.client() as client:
        assert (await client.get()).body == b"******* s3cr3t-2"
        way = bench.gateway.ways[0]
        made = way.scrub(source)
        assert (await client.get()).body == b"******* s3cr3t-2"
        assert way.scrub(source) is made
        source.secrets = ("s3cr3t-2",)
        assert (await client.get()).body == b"another ********"


async def test_routes_that_share_connections_do_not_share_scrub() -> None:
    """A connection that has served a route that scrubs serves one that does not, and the other way round."""
    source = FakeSource(secrets=(SECRET,))
    async with raw_origin(echo) as origin:
        plain = Route(b"/", upstream(origin.port), credential="default")
        routes = [plain, replace(plain, path=b"/s", scrub=True)]
        async with gateway_to(origin.port, routes=routes, source=source) as bench, bench.client() as client:
            bodies = [(await client.get(target)).body for target in ("/", "/s", "/", "/s")]
            assert bench.pool.dialled == 1
    assert [TOKEN in body for body in bodies] == [True, False, True, False]
