"""oidc-provider, an OAuth 2.0 server, and a resource that takes its tokens (oidc/server.mjs)."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.interop.stage import httpx_client
from tests.platforms.started import started

SCRIPT = Path(__file__).parent / "oidc" / "server.mjs"
LISTENS = re.compile(r"^listens on (\d+)$")
AUDIENCE, SCOPE = "https://api.example.com", "charts:read"


def secret_of(client: str) -> str:
    """Return a client's secret: every kind of character that escaping could get wrong (RFC 6749, appendix A.2)."""
    return f'the secret of {client}: %+&=/"'


@dataclass(frozen=True)
class OidcServer:
    """The running server, and a client of it."""

    port: int
    direct: httpx.AsyncClient

    @property
    def base(self) -> str:
        """Its URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    async def seen(self) -> tuple[int, int, int]:
        """Return how many logins were granted and refused, and how many requests found their token dead."""
        seen = (await self.direct.get("/seen")).json()
        return seen["granted"], seen["refused"], seen["dead"]

    async def revoke(self, token: str) -> None:
        """Revoke a token of the client `post` (RFC 7009 §2.1)."""
        who = {"client_id": "post", "client_secret": secret_of("post")}
        answer = await self.direct.post("/token/revocation", data={"token": token, **who})
        assert answer.status_code == 200, answer.text


@contextlib.asynccontextmanager
async def oidc_server(ttl: int = 3600) -> AsyncIterator[OidcServer]:
    """Run the server with tokens that live for `ttl` seconds."""
    command = ("node", SCRIPT, json.dumps({"ttl": ttl}))
    async with started(*command, listens=LISTENS) as port, httpx_client(port) as direct:
        yield OidcServer(port, direct)
