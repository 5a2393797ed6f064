"""A platform that does harm: whatever it is told it tells again, wherever an answer has room for it."""

import asyncio
import base64
import gzip
import html
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.canary.marks import TOKENS, told
from tests.fakes.origin import Arrived, Visit

HANGING = "hang"
SECRETS, IN_A_URL = told(), quote(told()).encode()


def answer(status: bytes, body: bytes, *lines: bytes) -> bytes:
    """Return a whole answer."""
    return b"\r\n".join((b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *lines)) + b"\r\n\r\n" + body


def chunked(body: bytes, size: int) -> bytes:
    """Return a whole answer in chunks, and trailers."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Told: " + SECRETS + b"\r\n\r\n"


def echo(arrived: Arrived) -> bytes:
    """Return all that is known: what has arrived, the secrets, and all of it as encoders write it."""
    known = b" ".join((arrived.head.replace(b"\r\n", b" "), arrived.body, SECRETS))
    text = known.decode("latin-1")
    lower = re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe=""))
    encoded = (quote(text), lower, json.dumps(text), html.escape(text, quote=False))
    shifted = (base64.b64encode(b"x" * before + known) for before in range(3))
    return b"\n".join((known, *map(str.encode, encoded), *shifted, base64.urlsafe_b64encode(known)))


def logged_in(token: str) -> bytes:
    """Return the answer of a login that succeeds, for each of the kinds."""
    body = json.dumps({"token": token, "access_token": token, "token_duration": 600}).encode()
    return answer(b"200 OK", body, f"X-Token: {token}\r\nSet-Cookie: SID={token}; Path=/; HttpOnly".encode())


def failures(known: bytes, token: str) -> dict[str, bytes]:
    """Return how logins fail: each tells what it was told."""
    odd = json.dumps({SECRETS.decode(): known.decode("latin-1")})
    cookies = (token.encode(), SECRETS, b"a b=" + SECRETS, b'"' + SECRETS)
    return {
        "rejected": answer(b"401 " + SECRETS, known, b"X-Told: " + SECRETS),
        "forbidden": answer(b"403 Forbidden", known),
        "bad": answer(b"400 Bad Request", known),
        "erring": answer(b"500 " + SECRETS, known, b"X-Told: " + SECRETS),
        "malformed": answer(b"200 OK", b'{"token": "' + known),
        "empty": answer(b"200 OK", b""),
        "odd": answer(b"200 OK", odd.encode()),
        "unsendable": answer(b"200 OK", json.dumps({"token": f"{token}\r\n {token}"}).encode()),
        "nested": answer(b"200 OK", json.dumps({"token": [token], "token_expire": token}).encode()),
        "elsewhere": answer(b"307 X", b"", b"Location: http://localhost:1/?" + IN_A_URL),
        "nowhere": answer(b"308 X", b"", b"Location: http://[" + SECRETS),
        "cookies": answer(b"500 X", b"", *(b"Set-Cookie: " + each for each in cookies)),
        "cut-coding": answer(b"200 OK", gzip.compress(known)[:-9], b"Content-Encoding: gzip"),
        "coding": answer(b"200 OK", b"x", b"Content-Encoding: " + SECRETS),
        "huge": answer(b"200 OK", known * 300),
        "no-http": SECRETS + b"\r\n\r\n",
        "no-status": b"HTTP/1.1 " + SECRETS + b"\r\n\r\n",
        "no-field": b"HTTP/1.1 200 OK\r\n" + SECRETS + b"\r\nContent-Length: 0\r\n\r\n",
        "no-length": b"HTTP/1.1 200 OK\r\nContent-Length: " + SECRETS + b"\r\n\r\n",
        "no-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRETS + b"\r\n",
        "cut": answer(b"200 OK", known)[:-5],
        "closed": b"",
    }


MOODS = tuple(failures(b"", "x"))


def answers(known: bytes) -> dict[str, bytes]:
    """Return what the API says at the paths that end so; those that end no answer are closed behind it."""
    return {
        "echo": answer(b"200 " + SECRETS, known, b"X-Told: " + SECRETS, TOKENS["cookie"].encode() + b".1: x"),
        "never": answer(b"401 " + SECRETS, known, b"WWW-Authenticate: Bearer x=" + SECRETS),
        "chunks": chunked(known, 11),
        "redirect": answer(b"302 X", b"", b"Location: /x?session_id=" + IN_A_URL, b"Set-Cookie: x=" + SECRETS),
        "coded": answer(b"200 OK", gzip.compress(known), b"Content-Encoding: gzip"),
        "garbage": SECRETS + b"\r\n\r\n",
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: " + SECRETS + b"\r\n\r\n",
        "closed": b"",
        "cut": answer(b"200 OK", known)[:-5],
    }


WHOLE = {"echo", "never", "chunks", "redirect", "coded"}


@dataclass
class Platform:
    """Its logins lie at `/login/KIND/MOOD`, everything else is its API; use `visit` as an origin's script."""

    logins: Counter[str] = field(default_factory=Counter)
    dead: set[bytes] = field(default_factory=set)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def visit(self, visit: Visit) -> None:
        """Serve one connection, until an answer ends it."""
        while True:
            arrived = await visit.request()
            path = arrived.line.split(b" ")[1].decode().partition("?")[0]
            if path.startswith("/login/"):
                await self._login(visit, arrived, *path.split("/")[2:])
            elif not await self._api(visit, arrived, path.rpartition("/")[2]):
                return

    async def _login(self, visit: Visit, arrived: Arrived, kind: str, mood: str) -> None:
        self.logins[kind + mood] += 1
        token = f"{TOKENS[kind]}.{self.logins[kind + mood]}"
        if mood == HANGING:
            self.hanging.set()
            await visit.reader.read()
        if mood in MOODS:
            await visit.send(failures(echo(arrived), token)[mood])
            visit.writer.close()
        else:
            await visit.send(logged_in(token))

    async def _api(self, visit: Visit, arrived: Arrived, what: str) -> bool:
        """Answer a request as the end of its path asks; tell whether the connection goes on."""
        if what == "silent":
            await visit.reader.read()
        if what == "held":
            self.held.release()
            await self.free.wait()
        if what == "once":  # refuses the first token that it sees
            credential = b"".join((*arrived.values(b"authorization"), *arrived.values(b"x-key")))
            what = "echo" if self.dead - {credential} else "never"
            self.dead.add(credential)
        await visit.send(answers(echo(arrived)).get(what, answer(b"200 OK", b"ok")))
        return what in WHOLE or what not in answers(b"")
