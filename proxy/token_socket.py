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
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

import structlog
from aiohttp import web

from proxy.core.problem import NAME, problem
from proxy.errors import BadRequest, GatewayError, InternalError, NoRoute
from proxy.offers import Offer

REFUSED = "X-Refused-Credential"
# Envoy asks with the caller's own target and Authorization, and takes no more than 60 KiB of fields itself.
LONGEST = 64 * 1024
HEADERS = {"Cache-Control": "no-store", "Server": NAME}
# aiohttp quotes what it cannot read, and that may be a token.
SILENT = logging.getLogger("iam-proxy.token-socket")
SILENT.disabled = True


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
