"""A platform in one script: the login and an API that takes the tokens it gave out."""

import asyncio
import json
from dataclasses import dataclass, field

from tests.fakes.origin import OK, UNAUTHORIZED, Arrived, Visit

APIKEY, SECRETKEY = "key-of-the-gateway", "secret-of-the-gateway"


@dataclass
class Platform:
    """Takes one pair of keys, gives out tokens and accepts the live ones; use `visit` as an origin's script."""

    lifetime: float = 3600.0
    logins: int = 0
    live: set[str] = field(default_factory=set)
    gate: asyncio.Event | None = None
    login_reply: bytes | None = None
    strict: bool = False  # no token is good enough

    async def visit(self, visit: Visit) -> None:
        """Serve one connection."""
        while True:
            arrived = await visit.request()
            if arrived.line.startswith(b"POST /iam/login"):
                await visit.send(await self.login(arrived))
            else:
                await visit.send(OK if self.knows(arrived) else UNAUTHORIZED)

    async def login(self, arrived: Arrived) -> bytes:
        """Answer a login."""
        self.logins += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.login_reply is not None:
            return self.login_reply
        asked = json.loads(arrived.body)
        if (asked["apikey"], asked["secretkey"]) != (APIKEY, SECRETKEY):
            return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
        token = f"token-{self.logins}-of-the-platform"
        self.live.add(token)
        body = json.dumps({"token": token, "token_duration": self.lifetime}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def knows(self, arrived: Arrived) -> bool:
        """Return whether a request carries a live token."""
        tokens = {value.decode().removeprefix("Bearer ") for value in arrived.values(b"authorization")}
        return not self.strict and not tokens.isdisjoint(self.live)
