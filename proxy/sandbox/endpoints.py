"""What the platform is used for, in small: queries, actions, and an endpoint that shows what arrived."""

import hashlib
import re
from typing import Any

from aiohttp import web

from proxy.sandbox.platform import Sandbox

TRIES = {
    "a query": "/qb/query",
    "the same as CSV": "/qb/query.csv?rows=5",
    "what arrived": "/echo/any/path?x=1",
    "a stream of events": "/events?count=3&interval=500",
    "a download": "/dpe/v3/configurations/demo.tgz",
    "start a job (POST)": "/dpe/v3/actions/demo/start",
}
REGIONS = ("Brittany", "Normandy", "Occitania", "Provence")
BLOCK = 64 * 1024

_TOKEN = re.compile(r"([?&](?:token)=)([^&]*)", re.IGNORECASE)


class Endpoints:
    """The endpoints of a platform that answer at once."""

    def __init__(self, platform: Sandbox) -> None:
        self._platform = platform

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/", self.index),
            web.get("/qb/query", self.query),
            web.post("/qb/query", self.query),
            web.post("/dpe/v3/actions/{id}/start", self.start),
            web.get("/dpe/v3/actions/{id}", self.action),
            web.get("/forbidden", self.forbidden),
            web.route("*", "/status/{code}", self.status),
            web.route("*", "/echo", self.echo),
            web.route("*", "/echo/{tail:.*}", self.echo),
        ]

    async def index(self, _request: web.Request) -> web.Response:
        """Say what can be tried."""
        return web.json_response({"platform": "iam-proxy sandbox", "try": TRIES})

    async def query(self, _request: web.Request) -> web.Response:
        """Answer a query."""
        rows = [{"region": region, "sales": 1000 + 250 * place} for place, region in enumerate(REGIONS)]
        return web.json_response({"success": True, "results": rows, "total": len(rows)})

    async def start(self, request: web.Request) -> web.Response:
        """Start a job, and count it: no job may be started twice by one request."""
        name = request.match_info["id"]
        await request.read()
        self._platform.starts[name] += 1
        return web.json_response({"id": name, "status": "started", "starts": self._platform.starts[name]})

    async def action(self, request: web.Request) -> web.Response:
        """Tell how often a job was started."""
        name = request.match_info["id"]
        return web.json_response({"id": name, "starts": self._platform.starts[name]})

    async def forbidden(self, _request: web.Request) -> web.Response:
        """Say that this user may not, which has nothing to do with the token."""
        return web.json_response({"status": 403, "message": "No permission for this user"}, status=403)

    async def status(self, request: web.Request) -> web.Response:
        """Answer with the asked status."""
        code = request.match_info["code"]
        if not code.isdigit() or not 200 <= int(code) < 600:  # noqa: PLR2004  final statuses
            return web.json_response({"error": "no such status"}, status=400)
        return web.json_response({"status": int(code)}, status=int(code))

    async def echo(self, request: web.Request) -> web.Response:
        """Show what arrived, the credential's value masked."""
        digest, size = hashlib.sha256(), 0
        async for block in request.content.iter_chunked(BLOCK):
            digest.update(block)
            size += len(block)
        shown: dict[str, Any] = {
            "method": request.method,
            "target": _TOKEN.sub(lambda match: match[1] + masked(match[2]), request.raw_path),
            "version": f"{request.version.major}.{request.version.minor}",
            "fields": [field(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers],
            "body": {"size": size, "sha256": digest.hexdigest()},
        }
        return web.json_response(shown)


def field(name: str, value: str) -> tuple[str, str]:
    """Return a field as it may be shown."""
    if name.lower() != "authorization":
        return name, value
    scheme, _, credential = value.partition(" ")
    return name, f"{scheme} {masked(credential)}"


def masked(value: str) -> str:
    """Return what may be shown of a credential: the end of a long one."""
    return f"****{value[-4:]}" if len(value) > 16 else "****"  # noqa: PLR2004  the end of a short one says too much
