"""`/_sandbox/…`: what no platform has, for whoever tries things out."""

import json
from dataclasses import asdict

from aiohttp import web

from proxy.sandbox.faults import Malformed, read
from proxy.sandbox.platform import Sandbox


class Control:
    """The switches of a platform."""

    def __init__(self, platform: Sandbox) -> None:
        self._platform = platform

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/_sandbox/faults", self.show),
            web.put("/_sandbox/faults", self.change),
            web.get("/_sandbox/state", self.state),
            web.post("/_sandbox/revoke", self.revoke),
        ]

    async def show(self, _request: web.Request) -> web.Response:
        """Show the faults."""
        return web.json_response(asdict(self._platform.faults))

    async def change(self, request: web.Request) -> web.Response:
        """Replace all faults; an empty object switches every one off."""
        try:
            self._platform.faults = read(json.loads(await request.read()))
        except Malformed as error:
            return web.json_response({"error": str(error)}, status=400)
        except ValueError:
            return web.json_response({"error": "the body: expected JSON"}, status=400)
        return await self.show(request)

    async def state(self, _request: web.Request) -> web.Response:
        """Show what has happened so far."""
        platform = self._platform
        return web.json_response(
            {
                "logins": platform.logins,
                "failed_logins": platform.failed_logins,
                "requests": platform.requests,
                "sessions": len(platform.sessions),
                "starts": dict(platform.starts),
            }
        )

    async def revoke(self, _request: web.Request) -> web.Response:
        """End every session."""
        return web.json_response({"revoked": self._platform.revoke_all()})
