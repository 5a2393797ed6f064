"""Who may ask, and the faults that are switched on: what happens before an endpoint is reached."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.sandbox.events import Refused, Served, fingerprint
from proxy.sandbox.faults import Fault
from proxy.sandbox.login import LOGOUTS, PATHS, SESSIONS
from proxy.sandbox.platform import Sandbox

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends a reset
OPEN = frozenset(("/", *LOGOUTS, *SESSIONS))
RETRY_AFTER = {429: "2", 503: "2"}


class Guard:
    """The middleware of a platform."""

    def __init__(self, platform: Sandbox) -> None:
        self._platform = platform

    async def pass_on(self, request: web.Request, reach: Next) -> web.StreamResponse:
        """Let the request reach its endpoint, unless a fault strikes or the token is dead."""
        if request.path.startswith("/_sandbox/"):
            return await reach(request)
        struck = await self._struck(request)
        if struck is not None:
            return struck
        if request.path in PATHS or request.path in OPEN:
            return await reach(request)
        return await self._with_token(request, reach)

    async def _with_token(self, request: web.Request, reach: Next) -> web.StreamResponse:
        platform, token = self._platform, token_of(request)
        platform.requests += 1
        every = platform.faults.unauthorized_every
        unlucky = platform.faults.unauthorized_always or (every and platform.requests % every == 0)
        if unlucky or not platform.sessions.use(token, sliding=platform.sliding):
            refusal = dead(platform.faults.dead_token_status)
            platform.tell(Refused(request.method, request.path, refusal.status))
            return refusal
        response = await reach(request)
        platform.tell(Served(request.method, request.path, response.status, fingerprint(token)))
        return response

    async def _struck(self, request: web.Request) -> web.Response | None:
        """Return the answer that a fault gives, or None."""
        faults, login = self._platform.faults, request.path in PATHS
        fault = faults.login if login else faults.api
        if fault == Fault():
            return None
        self._platform.faults = faults.struck(login=login)
        if fault.slow:
            await asyncio.sleep(fault.slow / 1000)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.reset:
            reset(request)
            return web.Response()
        if fault.empty:
            return web.Response()
        if fault.malformed:
            return web.Response(text='{"token": ', content_type="application/json")
        if fault.status is not None:
            status = fault.status
            extra = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
            return web.json_response({"error": "fault", "status": status}, status=status, headers=extra)
        return None


def token_of(request: web.Request) -> str:
    """Return the token that a request carries, in the field or in the query."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else request.query.get("token", "")


def dead(status: int) -> web.Response:
    """Return what the platform says to a dead token."""
    if status == 403:  # noqa: PLR2004  RFC 9110 §15.5.4
        return web.json_response({"status": 403, "message": "FpCam::Invalid token"}, status=403)
    return web.json_response({"error": "Unauthorized", "success": False, "status": 401, "duration": 0}, status=401)


def reset(request: web.Request) -> None:
    """End the connection with a reset."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()
