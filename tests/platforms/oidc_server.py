"""oidc-provider, an OAuth 2.0 server, and a resource that takes its tokens (oidc/server.mjs)."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.interop.stage import httpx_client
from tests.platforms.started import started

SCRIPT = Path(__file__).parent / "oidc" / "server.mjs"
LISTENS = re.compile(r"^listens on (\d+)$")
AUDIENCE = "https://api.example.com"  # for a client that asks for none; it has another, AUDIENCE/v1


class Client(NamedTuple):
    """One of its clients: spaces and signs in id and secret are what escaping could get wrong."""

    way: str

    @property
    def id(self) -> str:
        """The client's id."""
        return f"reports by {self.way}"

    @property
    def secret(self) -> str:
        """The client's secret."""
        return f'the secret by {self.way}: %+&=/"'


BASIC, POST = Client("basic"), Client("post")


@dataclass(frozen=True)
class OidcServer:
    """The running server, and a client of it."""

    port: int
    direct: httpx.AsyncClient

    async def seen(self) -> tuple[int, int, int]:
        """Return how many logins were granted and refused, and how many requests found their token dead."""
        seen = (await self.direct.get("/seen")).json()
        return seen["granted"], seen["refused"], seen["dead"]

    async def revoke(self, token: str) -> None:
        """Revoke a token of the client POST (RFC 7009 §2.1)."""
        who = {"client_id": POST.id, "client_secret": POST.secret}
        answer = await self.direct.post("/token/revocation", data={"token": token, **who})
        assert answer.status_code == 200, answer.text


@contextlib.asynccontextmanager
async def oidc_server(ttl: int = 3600) -> AsyncIterator[OidcServer]:
    """Run the server with tokens that live for `ttl` seconds."""
    command = ("node", SCRIPT, json.dumps({"ttl": ttl}))
    async with started(*command, listens=LISTENS) as port, httpx_client(port) as direct:
        yield OidcServer(port, direct)
