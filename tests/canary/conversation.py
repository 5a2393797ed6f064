"""What is asked of the gateway in a canary run, so that everything it may say is said."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp

from proxy.core.problem import NAME
from tests.access.requests import code as code_of
from tests.canary.marks import SECRETS, TOKENS
from tests.canary.platform import HANGING, MOODS, Platform
from tests.canary.scene import KINDS
from tests.fakes.gateway import Answered, RawClient

KEY = f"X-Proxy-Key: {SECRETS['client_key']}"
PAGE = "Accept: text/html,application/xhtml+xml"
BASIC = base64.b64encode(f"user:{SECRETS['client_key']}".encode()).decode()
# What a client may have got hold of, at every place where it may send it.
CARRIED = (
    f"Authorization: Bearer {TOKENS['apikey']}.1",
    f"Cookie: SID={TOKENS['cookie']}.1; other={TOKENS['recipe']}.1",
    f"X-Key: {SECRETS['static']}",
)

Asked = tuple[str, tuple[str, ...], bytes]


def refused() -> Iterator[tuple[str, Asked]]:
    """Yield a request for each code of the gateway's own answers, behind the code."""
    wrong = f"X-Proxy-Key: {SECRETS['client_key']}x"
    yield "login_rejected", ("GET /mood/rejected/echo", (KEY, *CARRIED), b"")
    yield "login_unavailable", ("POST /mood/erring/echo", (KEY, *CARRIED), b"x")
    yield "connection_refused", ("GET /refused/x", (KEY, *CARRIED), b"")
    yield "connection_failed", ("GET /full/x", (KEY,), b"")
    yield "tls_error", ("GET /tls/x", (KEY,), b"")
    yield "dns_error", ("GET /dns/x", (KEY,), b"")
    yield "connection_terminated", ("POST /oauth2/closed", (KEY,), b"x")
    yield "bad_upstream", ("GET /apikey/garbage", (KEY,), b"")
    yield "bad_upstream", ("GET /apikey/length", (KEY,), b"")
    yield "bad_upstream", ("GET /scrub/apikey/coded", (KEY,), b"")
    yield "upstream_timeout", ("GET /recipe/silent", (KEY,), b"")
    yield "client_key_required", (f"GET /apikey/echo?key={quote(SECRETS['client_key'])}", (wrong,), b"")
    yield "client_key_required", ("GET /apikey/echo", (f"Authorization: Basic {BASIC[:-4]}",), b"")
    yield "cross_site", ("GET /apikey/echo", (KEY, "Origin: https://evil.example"), b"")
    yield "path_denied", (f"GET /apikey/iam/login?token={quote(TOKENS['apikey'])}.1", (KEY,), b"")
    yield "path_denied", (f"GET /apikey/../iam/login?x_api_key={quote(SECRETS['apikey'])}", (KEY,), b"")
    yield "signed_request", ("GET /apikey/x", (KEY, f"Authorization: AWS4-HMAC-SHA256 {SECRETS['apikey']}"), b"")
    yield "method_not_allowed", ("DELETE /none/x", (KEY,), b"")
    yield "no_route", ("GET /nothing", (KEY, *CARRIED), b"")
    yield "body_too_large", ("POST /apikey/echo", (KEY,), bytes(70_000))
    yield "bad_request", ("GET /kept/x", (KEY, *CARRIED), b"")
    yield "bad_request", ("GET /apikey/echo", (KEY, f"Broken {SECRETS['apikey']}"), b"")
    yield "header_too_large", ("GET /apikey/echo", (KEY, f"X: {SECRETS['apikey'] * 400}"), b"")
    yield "internal_error", ("GET /apikey/defect", (KEY, *CARRIED), b"")
    yield "login_unavailable", ("GET /defective/x", (KEY,), b"")
    for mood in MOODS:
        failed = "login_rejected" if mood in {"rejected", "forbidden", "bad"} else "login_unavailable"
        yield failed, (f"GET /mood/{mood}/echo", (KEY,), b"")


@dataclass
class Conversation:
    """One with a gateway on a loopback port; `codes` are those of the answers that were the gateway's own.

    `own` has these answers, `scrubbed` those that were looked through, by credential.
    """

    port: int
    admin: str
    platform: Platform
    codes: set[str] = field(default_factory=set)
    own: list[bytes] = field(default_factory=list)
    scrubbed: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in KINDS})
    pages: list[bytes] = field(default_factory=list)

    async def whole(self) -> None:
        """Have it."""
        await self._every_credential()
        await self.look()
        for code, asked in refused():
            for lines in ((), (PAGE,)):
                answer = await self.ask(*asked, more=lines)
                assert code_of(answer) == code, (asked, answer)
        await self._refusals_of_the_origin()
        await self._strangers()
        await self._overload()
        await self._loop()
        for what in ("task", "callback"):
            assert (await self.ask(f"GET /apikey/{what}", (KEY,), b"")).status == 200
        await self.look()
        for name in (*KINDS, *MOODS, "defect", "nobody"):
            await self.page("POST", f"/refresh/{name}")
        await self.look()

    async def ask(
        self, line: str, lines: tuple[str, ...], body: bytes, *, more: tuple[str, ...] = (), local: str = "127.0.0.1"
    ) -> Answered:
        """Send a request on a connection of its own, and keep the answer if it is the gateway's own."""
        named = () if any(each.startswith("Host:") for each in lines) else ("Host: gateway",)
        length = (f"Content-Length: {len(body)}",) if body else ()
        head = "\r\n".join((f"{line} HTTP/1.1", *named, *lines, *more, *length, "", ""))
        async with RawClient.to(self.port, local=local) as client:
            await client.send(head.encode() + body)
            answer = await client.answer(head_only=line.startswith("HEAD"))
        if any(value.startswith(f"{NAME}; error=".encode()) for value in answer.values(b"proxy-status")):
            self.own.append(answer.head + answer.body)
            self.codes.add(code_of(answer))
        return answer

    async def page(self, method: str, path: str, **fields: str) -> int:
        """Ask the admin listener, keep its answer, and return the status."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{self.admin}{path}", headers=fields) as answer,
        ):
            self.pages.append(f"{answer.status} {answer.raw_headers}".encode() + await answer.read())
            return answer.status

    async def look(self) -> None:
        """Look at everything that the admin listener shows, and at what it refuses."""
        for path in ("/livez", "/readyz", "/status", "/metrics", "/nothing", f"/{quote(SECRETS['apikey'])}"):
            await self.page("GET", path)
        assert await self.page("GET", "/status", Host="evil.example") == 421
        assert await self.page("GET", "/status", Origin="https://evil.example") == 403

    async def _every_credential(self) -> None:
        """Ask through each, so that its token is injected, replaced in what the client sent, echoed, and hidden."""
        tokens = f"session_id={quote(TOKENS['oauth2'], safe='')}.1&token={quote(TOKENS['apikey'], safe='')}.1&x=1"
        for name in KINDS:
            for what in ("echo", "chunks", "redirect", "cut"):
                answer = await self.ask(f"GET /{name}/{what}?{tokens}", (KEY, *CARRIED), b"")
                assert b"Proxy-Status" not in answer.head, (name, what, answer)
                scrubbed = await self.ask(f"GET /scrub/{name}/{what}?{tokens}", (KEY,), b"")
                assert scrubbed.status == answer.status
                self.scrubbed[name].append(scrubbed.head + scrubbed.body + scrubbed.trailers)
                assert b"*" * 12 in self.scrubbed[name][-1] or not scrubbed.whole, (name, what)
        assert (await self.ask("GET /apikey/echo", (f"Authorization: Basic {BASIC}",), b"")).status == 200

    async def _refusals_of_the_origin(self) -> None:
        """Tokens die: requests are replayed from memory and from a file, or cannot be."""
        for name in ("apikey", "recipe"):
            self.platform.dead.clear()
            assert (await self.ask(f"POST /{name}/once", (KEY,), bytes(8000))).status == 200, name
            await self.ask(f"GET /{name}/never", (KEY,), b"")
        answer = await self.ask("POST /cookie/never", (KEY,), bytes(30_000))
        assert b'details="body not replayable"' in answer.head

    async def _strangers(self) -> None:
        """Whoever is not let in, by address and by name."""
        await self.ask("GET /apikey/echo", (KEY, *CARRIED), b"", local="127.0.0.2")
        await self.ask("GET /apikey/echo", (KEY, "Host: evil.example", *CARRIED), b"")
        await self.ask(f"GET http://user:{TOKENS['cookie']}@evil.example/", (KEY,), b"")
        await self.ask("GET http://evil.example/", (f"Proxy-Authorization: Basic {BASIC}",), b"")
        await self.ask("OPTIONS /apikey/x", ("Origin: https://app.example", "Access-Control-Request-Method: PUT"), b"")
        await self.ask("OPTIONS *", (KEY,), b"")

    async def _overload(self) -> None:
        """One more than may be under way."""
        held = [asyncio.create_task(self.ask("GET /apikey/held", (KEY,), b"")) for _ in range(3)]
        for _ in held:
            await self.platform.held.acquire()
        await self.ask("GET /apikey/echo", (KEY, *CARRIED), b"")
        self.platform.free.set()
        for each in held:
            assert (await each).status == 200

    async def _loop(self) -> None:
        """A request that has been here: the origin has shown by which name."""
        shown = (await self.ask("GET /none/echo", (KEY,), b"")).body
        via = shown.partition(b"Via: 1.1 ")[2].partition(b" ")[0].decode()
        await self.ask("GET /none/echo", (KEY, f"Via: 1.1 {via}"), b"")

    async def hang(self) -> "asyncio.Task[Answered]":
        """Ask for what waits for a login that never ends, and return once it is under way."""
        asked = asyncio.create_task(self.ask(f"GET /mood/{HANGING}/echo", (KEY, *CARRIED), b""))
        await self.platform.hanging.wait()
        while b"iam_proxy_in_flight_requests 1.0" not in self.pages[-1]:
            await self.page("GET", "/metrics")
        return asked
