"""Lives of connections, by seed: clients and origins that do anything in any order, and leave at any moment."""

import asyncio
import contextlib
import re
from random import Random

from tests.fakes.gateway import RawClient
from tests.fakes.origin import OK, Visit

# Bodies around the borders that matter: a read, what is kept for a replay, a full write buffer.
SIZES = (1, 5, 1000, 70_000, 300_000, 3_000_000)
LARGE = bytes(900_000)
FATE = re.compile(rb"\r\nX-Fate: ([0-9]+)\r\n")
TOKEN = re.compile(rb"\r\nAuthorization: ([^\r]*)\r\n")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"

REPLIES = {
    "refused": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\ndead",
    "large": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + LARGE,
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n",
    "good": OK,
}
# What ends the connection, whole or not.
LAST_WORDS = {
    "nothing": b"",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nuntil close",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
}


async def turns(count: int) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


# --- the origin's
async def fated(visit: Visit) -> None:
    """Answer each request as the fate says that it carries: another one for another token."""
    with contextlib.suppress(
        OSError, RuntimeError
    ):  # the gateway was the first to leave; RuntimeError is uvloop's word
        while await answered(visit, await visit.head()):
            pass


async def answered(visit: Visit, head: bytes) -> bool:
    """Answer one request. Returns whether the connection goes on."""
    fate, token = FATE.search(head), TOKEN.search(head)
    assert fate is not None
    choose = Random(repr((fate[1], token and token[1])))
    await turns(choose.choice((0, 0, 5, 50)))
    if b"Expect: 100" in head and choose.random() < 0.7:
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if choose.random() < 0.1:
        await visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
    if b"Upgrade: websocket" in head and choose.random() < 0.6:
        await tunnelled(visit, choose)
        return False
    return await replied(visit, choose, head)


async def tunnelled(visit: Visit, choose: Random) -> None:
    """Switch, send back what comes, and end in one way or another."""
    end = choose.choice(("at once", "reset at once", "half", "reset", "late", "late"))
    await visit.send(SWITCH + b"early" * choose.randrange(3))
    if end == "at once":
        return
    if end == "reset at once":
        visit.reset()
        return
    while data := await visit.reader.read(65536):
        await visit.send(data)
        if end == "half":
            visit.writer.write_eof()
        elif end == "reset" and choose.random() < 0.3:
            visit.reset()
            return


async def replied(visit: Visit, choose: Random, head: bytes) -> bool:
    """Answer, early or behind the body. Returns whether the connection goes on."""
    early = choose.random() < 0.2
    if not early:
        await visit.body(head)
    if choose.random() < 0.3:
        await cut_anywhere(visit, choose, choose.choice(list(LAST_WORDS.values())))
        if choose.random() < 0.3:
            visit.reset()
        return False
    await cut_anywhere(visit, choose, choose.choice(list(REPLIES.values())))
    return not early


async def cut_anywhere(visit: Visit, choose: Random, data: bytes) -> None:
    """Send data in one piece or in two."""
    at = choose.choice((0, choose.randrange(len(data) + 1)))
    for piece in (data[:at], data[at:]):
        if piece:
            await visit.send(piece)
            await turns(choose.randrange(10))


# --- the client's
def requests(choose: Random) -> bytes:
    """Return what a client wants to send in its life; perhaps it does not come to that."""
    data = b"".join(request(choose) for _ in range(choose.randrange(1, 6)))
    return data[: choose.randrange(len(data) + 1)] if choose.random() < 0.4 else data


def request(choose: Random) -> bytes:
    """Return a request, whole in most cases."""
    version = choose.choice((b"1.1", b"1.1", b"1.1", b"1.0"))
    fields = b"Host: g\r\nX-Fate: %d\r\n" % choose.randrange(10**9)
    rare = choose.choice((b"", b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n"))
    rare += choose.choice((b"", b"", b"Expect: 100-continue\r\n"))
    size = choose.choice(SIZES)
    chunks = b"%x\r\n%b\r\n" % (size, bytes(size)) * choose.randrange(3) + b"0\r\n" + choose.choice((b"", b"T: u\r\n"))
    switch = b"GET /ws HTTP/1.1\r\n" + fields + UPGRADE
    return choose.choice(
        (
            b"GET /a HTTP/%b\r\n%b\r\n" % (version, fields + rare),
            b"GET /a HTTP/%b\r\n%b\r\n" % (version, fields + rare),
            b"HEAD /b HTTP/%b\r\n%b\r\n" % (version, fields + rare),
            b"POST /c HTTP/%b\r\n%bContent-Length: %d\r\n\r\n%b" % (version, fields + rare, size, bytes(size)),
            b"POST /d HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b\r\n" % (fields + rare, chunks),
            b"POST /iam/login HTTP/1.1\r\n%bContent-Length: 5\r\n\r\nhello" % (fields + rare),
            b"OPTIONS * HTTP/1.1\r\n%b\r\n" % (fields + rare),
            switch + b"\r\n",
            switch + b"Content-Length: 10\r\n\r\n0123456789",
            choose.choice((b"BAD\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n")),
        )
    )


async def live(choose: Random, client: RawClient) -> None:
    """Send it all, in one piece or many, take the answers or not, and leave."""
    data = requests(choose)
    steps = (100_000, len(data)) if len(data) > 300_000 else (1000, 40_000, len(data))
    step = max(1, choose.choice(steps if len(data) > 3000 else (7, *steps)))
    reading = None if choose.random() < 0.1 else asyncio.create_task(read(client, choose.choice((0, 0, 5))))
    try:
        for at in range(0, len(data), step):
            client.writer.write(data[at : at + step])
            await turns(choose.choice((0, 0, 1, 10)))
            if client.writer.is_closing():
                return  # the gateway was the first to leave
        await turns(choose.choice((0, 20, 100)))
        match choose.choice(("ends", "leaves", "vanishes", "stays", "stays")):
            case "ends":
                client.writer.write_eof()
                await turns(500)
            case "vanishes":
                client.reset()
            case "stays":
                await turns(500)
    except (OSError, RuntimeError):
        pass  # likewise
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])
        client.writer.transport.abort()


async def read(client: RawClient, slowness: int) -> None:
    """Take what comes, with so many turns of the loop between two reads."""
    with contextlib.suppress(ConnectionError):
        while await client.reader.read(65536):
            await turns(slowness)
