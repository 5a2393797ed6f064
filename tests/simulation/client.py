"""Clients: they send, read, stall, drip, and leave when they like."""

import asyncio
from collections.abc import Callable

from tests.simulation.asked import Answer, Asked
from tests.simulation.checks import Checks
from tests.simulation.history import History
from tests.simulation.peer import Cut, Peer
from tests.simulation.scenario import Visit

# How long a client waits before it tries again to connect, in seconds.
AGAIN = 0.5

Connect = Callable[[], Peer | None]


class Client:
    """One client with all it asks for, over one connection after the other as the gateway closes them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, visit: Visit, connect: Connect, checks: Checks, history: History
    ) -> None:
        self._loop = loop
        self._visit = visit
        self._connect = connect
        self._checks = checks
        self._history = history
        self._peer: Peer | None = None
        self._left = False

    async def run(self) -> None:
        """Come, ask for everything, go."""
        visit, loop = self._visit, self._loop
        await asyncio.sleep(max(0.0, visit.at - (loop.time() - self._checks.began)))
        timer = None
        for pause, plans in visit.batches:
            await asyncio.sleep(pause)
            batch = [Asked(plan) for plan in plans]
            peer = await self._connected()
            if timer is None and visit.leaves is not None:
                timer = loop.call_later(visit.leaves, self._leave)
            await self._ask(peer, batch)
            if self._left:
                break
        if timer is not None:
            timer.cancel()
        if self._peer is not None:
            self._peer.close()

    async def _connected(self) -> Peer:
        """Return a connection that is open as far as anybody knows."""
        while self._peer is None or self._peer.ended or self._peer.end.is_closing():
            if self._peer is not None:
                self._peer.close()
            self._peer = self._connect()
            if self._peer is None:
                await asyncio.sleep(AGAIN)
        return self._peer

    def _leave(self) -> None:
        """Go away, whatever is under way."""
        peer, self._left = self._peer, True
        if peer is None or peer.end.is_closing():
            return
        self._history.fault("client leaves: " + self._visit.way)
        match self._visit.way:
            case "end":
                peer.close()
            case "reset":
                peer.reset()
            case _:
                peer.end.vanish()
                peer.reset()

    # --- requests
    async def _ask(self, peer: Peer, batch: list[Asked]) -> None:
        """Send a batch in one go, and read its answers."""
        sending, reading = self._loop.create_task(self._send(peer, batch)), batch[0]
        try:
            if self._visit.stalls:
                await self._stall(peer, batch)
            for asked in batch:
                reading = asked
                await self._read(peer, asked)
        except Cut as cut:
            for asked in batch:
                if asked.answer is None:
                    asked.lost = str(cut) if asked is reading else "behind"
            peer.close()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            now = self._loop.time()
            for asked in batch:
                asked.ended = asked.ended or now
                asked.left = self._left and not (asked.answer and asked.answer.whole)

    async def _send(self, peer: Peer, batch: list[Asked]) -> None:
        for asked in batch:
            if peer.ended or peer.end.is_closing():
                return
            self._checks.begin(asked, peer)
            asked.followed = asked is not batch[-1]
            head, body = head_of(asked), asked.body
            if self._visit.drips:
                await self._drip(peer, asked, head, body)
            else:
                peer.send(head + framed(asked, body))

    async def _drip(self, peer: Peer, asked: Asked, head: bytes, body: bytes) -> None:
        whole = head + framed(asked, body)
        self._history.fault("client drips", f"n={asked.plan.number}")
        asked.reasons.add("drips")
        size = max(1, len(whole) // 5)
        for at in range(0, len(whole), size):
            peer.send(whole[at : at + size])
            await asyncio.sleep(self._visit.drips)

    async def _stall(self, peer: Peer, batch: list[Asked]) -> None:
        self._history.fault("client stalls")
        for asked in batch:
            asked.reasons.add("stall")
        peer.end.pause_reading()
        await asyncio.sleep(self._visit.stalls)
        peer.end.resume_reading()

    # --- answers
    async def _read(self, peer: Peer, asked: Asked) -> None:
        """Read the answer to a request. Raises Cut when there is none, or no more behind it."""
        answer = await head_in(peer)
        while answer.status < 200:
            answer = await head_in(peer)
        asked.answer = answer
        try:
            await body_in(peer, asked, answer)
        finally:
            asked.ended = self._loop.time()
            self._history.note(
                "client got", f"n={asked.plan.number} {answer.status} whole={answer.whole} {answer.code}"
            )
        if answer.fields.get(b"connection", b"").lower() == b"close":
            raise Cut("closed")


def head_of(asked: Asked) -> bytes:
    """Return a request's head."""
    plan = asked.plan
    head = f"{plan.method} {plan.path}?n={plan.number} HTTP/1.{0 if plan.http10 else 1}\r\nHost: gateway\r\n"
    if plan.expects:
        head += "Expect: 100-continue\r\n"
    match plan.framing:
        case "length":
            head += f"Content-Length: {plan.size}\r\n"
        case "chunked":
            head += "Transfer-Encoding: chunked\r\n"
    return (head + "\r\n").encode()


def framed(asked: Asked, body: bytes) -> bytes:
    """Return a body as it is sent."""
    if asked.plan.framing != "chunked":
        return body
    size = max(1, len(body) // 3)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


async def head_in(peer: Peer) -> Answer:
    """Return the next head, interim or not. Raises Cut."""
    line, *lines = (await peer.until(b"\r\n\r\n")).split(b"\r\n")[:-2]
    fields = {name.lower(): value.strip() for name, _, value in (each.partition(b":") for each in lines)}
    return Answer(int(line.split(b" ")[1]), fields)


async def body_in(peer: Peer, asked: Asked, answer: Answer) -> None:
    """Read an answer's body. Raises Cut where it is not whole, or where the connection's end is its end."""
    fields, none = answer.fields, asked.plan.method == "HEAD" or answer.status in {204, 304}
    if not none and b"transfer-encoding" in fields:
        while size := int(await peer.until(b"\r\n"), 16):
            answer.body += (await peer.exactly(size + 2))[:-2]
        await peer.until(b"\r\n")
    elif not none and b"content-length" in fields:
        try:
            answer.body = await peer.exactly(int(fields[b"content-length"]))
        except Cut:
            answer.body = peer.take(len(peer.buffer))
            raise
    elif not none:
        await peer.gone()
        answer.body = peer.take(len(peer.buffer))
        answer.whole = peer.ended == "end"
        raise Cut("end")
    answer.whole = True
    if answer.own:
        answer.code = answer.body.partition(b'"code":"')[2].partition(b'"')[0].decode()
