"""The token socket: where a proxy that has taken over the data path is handed tokens (docs/scaling.md).

GET /auth/NAME/PATH        the field to send on a request for PATH: what nginx's `auth_request` and Envoy's `ext_authz`
                           ask before each; with X-Refused-Credential, what to send in the place of that
POST /refused/NAME/PATH    what stands in X-Refused-Credential was refused on a request for PATH

Any method will do, and PATH may be left out. Whoever can connect is handed tokens: the socket's mode is the only guard.
"""

import asyncio
import logging
import math
import socket
from collections.abc import Callable, Hashable, Iterable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

import structlog
from aiohttp import web

from proxy.core.injection import Injection, Place
from proxy.core.problem import NAME, problem
from proxy.core.route import Route
from proxy.core.token import Token
from proxy.core.unreturned import Unreturned
from proxy.errors import BadRequest, GatewayError, InternalError, NoRoute
from proxy.tokens.source import TokenSource

REFUSED = "X-Refused-Credential"
# Envoy asks with the caller's own target and Authorization, and takes no more than 60 KiB of fields itself.
LONGEST = 64 * 1024
HEADERS = {"Cache-Control": "no-store", "Server": NAME}
# aiohttp quotes what it cannot read, and that may be a token.
SILENT = logging.getLogger("iam-proxy.token-socket")
SILENT.disabled = True


class Offer:
    """A credential that is handed out: where its tokens come from, and the field in which they are sent."""

    def __init__(self, source: TokenSource, injection: Injection) -> None:
        self._source = source
        self._injection = injection
        self._unreturned = Unreturned()

    async def first(self, what: Hashable, now: float) -> Token:
        """Return the token for a request. Raises LoginError."""
        token = await self._source.token()
        self._unreturned.give(token, what, now)
        return token

    async def instead_of(self, refused: str, what: Hashable, now: float) -> Token:
        """Return a newer token than the refused one, the same where the refusal is doubted. Raises LoginError."""
        token = self._returned(refused, what, now)
        newer = None if token is None else await self._source.renew(token, what)
        newer = newer or await self._source.token()
        if newer is not token:
            self._unreturned.give_again(newer, what)
        return newer

    def take_back(self, refused: str, what: Hashable, now: float) -> None:
        """Take note of a refusal without waiting."""
        token = self._returned(refused, what, now)
        if token is not None:
            self._source.invalidate(token, what)

    def field(self, token: Token) -> dict[str, str]:
        """Return the field with a token."""
        return {self._injection.name.decode(): self._injection.content(token.value).decode()}

    def _returned(self, refused: str, what: Hashable, now: float) -> Token | None:
        """Return the token at hand if it is the one that was refused; any other is an old one, and costs nothing."""
        token = self._source.current()
        if token is None or refused not in self.field(token).values():
            return None
        if self._unreturned.take_back(token, what):
            self._source.replay_refused(token, what)
        for other, since in self._unreturned.kept(token, now):  # now, for where it is doubted they are believed
            self._source.accepted(token, other, since)
        return token


def offers(routes: Iterable[Route], sources: Mapping[str, TokenSource]) -> dict[str, Offer]:
    """Return what can be handed out, by name: each credential as the first route sends it that does so in a field."""
    found: dict[str, Offer] = {}
    for route in routes:
        name, injection = route.credential, route.injection
        if name is not None and name not in found and injection.place is Place.FIELD:
            found[name] = Offer(sources[name], injection)
    return found


class Desk:
    """Answers on the token socket; `look` returns what can be handed out now, `now` the time in seconds."""

    def __init__(self, look: Callable[[], Mapping[str, Offer]], now: Callable[[], float]) -> None:
        self._look = look
        self._now = now

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer a request; what is wrong with it or with the login is said in the form of RFC 9457."""
        try:
            return await self._answer(request)
        except GatewayError as error:
            return fault(error)
        except Exception as error:  # noqa: BLE001  a defect of ours costs one answer, and is told without a token
            structlog.get_logger().error("token socket: a defect of the gateway", cause=type(error).__name__)
            return fault(InternalError())

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        verb, name, what = asked(request.raw_path)
        refused, now = request.headers.get(REFUSED), self._now()
        if verb == "auth":
            offer = self._offer(name)
            token = await (offer.first(what, now) if refused is None else offer.instead_of(refused, what, now))
            return web.Response(headers={**HEADERS, **offer.field(token)})
        if verb == "refused":
            if refused is None:
                raise BadRequest(f"What was refused is to stand in {REFUSED}.")
            self._offer(name).take_back(refused, what, now)
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=HEADERS)
        raise NoRoute("Nothing is here but /auth/NAME and /refused/NAME.")

    def _offer(self, name: str) -> Offer:
        offer = self._look().get(name)
        if offer is None:
            raise NoRoute("No route sends a credential of this name in a field.")
        return offer


def asked(target: str) -> tuple[str, str, int]:
    """Return what a target asks, of which credential, and the hash of the path that it is for, which may be long."""
    _, verb, name, path, *_ = [*target.partition("?")[0].split("/", 3), "", "", ""]
    return verb, unquote(name), hash(path)


def fault(error: GatewayError) -> web.Response:
    """Return the answer without a token."""
    wait = {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    _, body = problem(error, "")
    return web.Response(
        status=int(error.status), body=body, content_type="application/problem+json", headers={**HEADERS, **wait}
    )


async def listen(look: Callable[[], Mapping[str, Offer]], sock: socket.socket) -> web.BaseRunner:
    """Answer on a listening socket; the caller cleans the runner up."""
    desk = Desk(look, asyncio.get_running_loop().time)
    server = web.Server(desk.answer, access_log=None, logger=SILENT, max_line_size=LONGEST, max_field_size=LONGEST)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    return runner
