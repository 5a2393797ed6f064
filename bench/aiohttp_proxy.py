"""The baseline: what one writes first, aiohttp's server and a ClientSession.

Arguments: port, the origin's URL, the file of its authority or nothing.
"""

import ssl
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
ORIGIN = web.AppKey("origin", ClientSession)


async def forward(request: web.Request) -> web.StreamResponse:
    """Send a request on with the token, and stream its answer back."""
    fields = request.headers.copy()
    for name in HOP:
        fields.popall(name, None)
    fields["Authorization"] = "Bearer bench0123"
    fields["X-Forwarded-For"] = request.remote or ""
    body = request.content if request.body_exists else None
    async with request.app[ORIGIN].request(
        request.method, request.path_qs, headers=fields, data=body, allow_redirects=False
    ) as answer:
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        response.headers.extend(kept)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
    return response


def application(origin: str, authority: str) -> web.Application:
    """Return the proxy in front of an origin."""

    async def session(app: web.Application) -> AsyncIterator[None]:
        trust = ssl.create_default_context(cafile=authority) if authority else True
        connector = TCPConnector(limit=0, ssl=trust)
        async with ClientSession(
            origin, connector=connector, auto_decompress=False, timeout=ClientTimeout(total=None)
        ) as app[ORIGIN]:
            yield

    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    port, origin, authority = sys.argv[1:]
    uvloop.install()
    web.run_app(
        application(origin, authority), host="127.0.0.1", port=int(port), access_log=None, print=None, backlog=4096
    )
