"""The platform's login, and the truth about its tokens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random
from typing import Self, cast

import aiohttp
from multidict import CIMultiDict

from proxy.core.apikey import PLATFORM_REFUSALS
from proxy.core.credential import Verification
from proxy.core.secret import Secret
from proxy.tokens.login import SessionFactory
from tests.simulation.clocks import Clocks
from tests.simulation.history import History
from tests.simulation.scenario import Lives

# A login that answers this much after its time limit has answered nobody.
LATE = 1.5
# Expiries that are dates.
DATED = frozenset(("date", "epoch", "milliseconds"))


@dataclass(slots=True)
class Grant:
    """A token as the platform knows it: `issued` on the loop's clock, `dies` on the platform's.

    `until`, on the loop's clock, is when the gateway can know that it is dead: infinity where the platform did not
    tell, or not the truth.
    """

    text: str
    dies: float
    issued: float
    until: float
    revoked: bool = False


@dataclass(slots=True)
class Attempt:
    """A login as it began: `gateway` counts the gateways since the start, `keys` the secrets since the start."""

    at: float
    gateway: int
    keys: int
    outcome: str = "unanswered"
    text: str = ""


@dataclass
class Keys:
    """The secret in the gateway's file; the number behind its last letter says which of them it is."""

    number: int = 0
    poll: float | None = 5.0

    def read(self) -> Secret:
        """Return the secret as it is now."""
        return Secret(f"secret-{self.number}")


@dataclass
class Platform:
    """Who logs in gets a token, unless the mood is another. `accepted` are the numbers of the keys that are good."""

    loop: asyncio.AbstractEventLoop
    clocks: Clocks
    history: History
    chance: Random
    lives: Lives
    login_timeout: float
    accepted: set[int] = field(default_factory=lambda: {0})
    mood: str = "works"
    takes: float = 0.0
    grants: dict[str, Grant] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    # --- the truth
    def live(self, text: str) -> bool:
        """Return whether a token is good now."""
        grant = self.grants.get(text)
        return grant is not None and not grant.revoked and self.clocks.platform() < grant.dies

    def revoke(self) -> None:
        """End every session."""
        for grant in self.grants.values():
            grant.revoked = True

    def stepped(self) -> None:
        """The wall clock has moved: a date that is on its way is read by another clock than it was written for."""
        for grant in self.grants.values():
            if grant.issued >= self.loop.time() - self.login_timeout and self.lives.telling in DATED:
                grant.until += 1.0
            elif grant.issued >= self.loop.time() - self.login_timeout and self.lives.telling == "bare":
                grant.until = float("inf")

    def _issue(self) -> Grant:
        if self.lives.single:
            self.revoke()
        life = self.lives.drawn(self.chance)
        text = f"token-{len(self.grants) + 1}"
        # A lifetime is told by a duration, or by a date against the answer's Date; a bare date needs clocks that agree.
        told = self.lives.telling != "bare" or self.clocks.honest
        until = self.loop.time() + life if told else float("inf")
        if self.lives.telling in DATED and not self.clocks.honest:
            until += 1.0  # Date has whole seconds, which a clock that is nearly right hides
        self.grants[text] = grant = Grant(text, self.clocks.platform() + life, self.loop.time(), until)
        return grant

    def _session(self, grant: Grant) -> dict[str, object]:
        life, dies = grant.dies - self.clocks.platform(), grant.dies
        match self.lives.telling:
            case "duration":
                expiry: dict[str, object] = {"token_duration": life}
            case "date" | "bare":
                # The platform's own samples end in a space.
                expiry = {"token_expire": datetime.fromtimestamp(dies, UTC).isoformat() + " "}
            case "epoch":
                expiry = {"token_expire": dies}
            case "milliseconds":
                expiry = {"token_expire": str(int(dies * 1000))}
            case _:
                expiry = {}
        return {"uid": "1", "token": grant.text, **expiry}

    # --- the login
    async def answer(self, attempt: Attempt, secret: str) -> "Response":
        """Answer a login, as the mood is when it comes."""
        mood, delay = self.mood, self.takes + 0.02 + 0.1 * self.chance.random()
        if mood != "works":
            self.history.fault(f"login {mood}")
        await asyncio.sleep(delay / 2)
        if mood == "down":
            raise aiohttp.ClientConnectionError
        if mood == "hanging":
            await self.loop.create_future()
        if mood == "slow":
            await asyncio.sleep(self.login_timeout * 0.9 * self.chance.random())
        if mood == "reset":
            raise aiohttp.ServerDisconnectedError
        response, outcome = self._judged(mood, secret)
        text = f"token-{len(self.grants)}"
        await asyncio.sleep(delay / 2 + (self.login_timeout + LATE if mood == "late" else 0.0))
        attempt.outcome, attempt.text = outcome, text  # what the gateway is told
        self.history.note("login answered", response.status, attempt.outcome)
        return response

    def _judged(self, mood: str, secret: str) -> "tuple[Response, str]":
        status, body, outcome = 200, b"", "nothing"
        if int(secret.rpartition("-")[2]) not in self.accepted:
            status, body = self.chance.choice((400, 401, 403)), b'{"error": "Invalid Credentials or Rights"}'
        elif mood.isdecimal():
            status, body = int(mood), b'{"error": "no"}'
        elif mood == "malformed":
            body = self.chance.choice((b"", b"[]", b"<html>", b'{"token": 5}', b'{"token": ""}', b'{"tok', b"\xff"))
        elif mood == "huge":
            body = b" " * 1_100_000
        else:
            body, outcome = json.dumps(self._session(self._issue())).encode(), "token"
        if status in PLATFORM_REFUSALS:
            outcome = "rejected"
        dated = {} if self.lives.telling == "bare" else {"Date": formatdate(self.clocks.platform(), usegmt=True)}
        return Response(status, CIMultiDict(dated), body), outcome


@dataclass(slots=True)
class Response:
    """What is read of aiohttp's responses."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def content(self) -> "Response":
        """The body's stream: itself."""
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Give the body in pieces."""
        for at in range(0, len(self.body), 65_536):
            await asyncio.sleep(0)
            yield self.body[at : at + 65_536]


@dataclass
class Session:
    """What is used of aiohttp's sessions; each counts one login of one gateway."""

    platform: Platform
    keys: Keys
    gateway: int

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @asynccontextmanager
    async def request(self, method: str, url: str, *, data: bytes, **_: object) -> AsyncIterator[Response]:
        """Log in."""
        assert (method, url) == ("POST", "https://platform.example/iam/login")
        platform, secret = self.platform, str(json.loads(data)["secretkey"])
        attempt = Attempt(platform.loop.time(), self.gateway, int(secret.rpartition("-")[2]))
        platform.attempts.append(attempt)
        platform.history.note("login", f"gateway={self.gateway}", secret)
        yield await platform.answer(attempt, secret)


def sessions(platform: Platform, keys: Keys, gateway: int) -> SessionFactory:
    """Return what makes a session for each login of a gateway."""

    async def session(_: Verification) -> aiohttp.ClientSession:
        return cast("aiohttp.ClientSession", Session(platform, keys, gateway))

    return session
