"""All endpoints of the platform in one application."""

from aiohttp import web

from proxy.sandbox import streams
from proxy.sandbox.control import Control
from proxy.sandbox.endpoints import Endpoints
from proxy.sandbox.guard import Guard, Next
from proxy.sandbox.login import Login
from proxy.sandbox.platform import Sandbox

# Uploads are read as they come; what is read whole (a login, a switch) is small by nature.
NO_LIMIT = 1 << 62


def application(platform: Sandbox) -> web.Application:
    """Return the application of a platform."""
    guard = Guard(platform)

    @web.middleware
    async def guarded(request: web.Request, handler: Next) -> web.StreamResponse:
        return await guard.pass_on(request, handler)

    app = web.Application(middlewares=[guarded], client_max_size=NO_LIMIT)
    app.add_routes([*Login(platform).routes(), *Control(platform).routes()])
    app.add_routes([*Endpoints(platform).routes(), *streams.routes()])
    return app
