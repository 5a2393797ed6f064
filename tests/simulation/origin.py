"""The origin: it judges tokens by the platform's truth, and does with a request what the seed has decided."""

import asyncio
import ssl
from collections.abc import Callable
from random import Random

from proxy.core.address import Upstream
from proxy.errors import ConnectionFailed
from proxy.wire.dial import as_ours
from proxy.wire.origin import OriginConnection
from tests.simulation.asked import Arrival, Asked, pattern
from tests.simulation.checks import Checks
from tests.simulation.conversation import Conversation
from tests.simulation.history import History
from tests.simulation.line import Line
from tests.simulation.network import End, begin, joined
from tests.simulation.peer import Cut, Peer
from tests.simulation.platform import Platform
from tests.simulation.scenario import OPEN, Act

REFUSED = ((401, b"nobody"), (403, b'{"message": "FpCam::Invalid token"}'))
GARBAGE = (
    b"\x16\x03\x01\x02",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
)
# What lies behind an answer and was never asked for.
SURPLUS = (b"x", b"HTTP/1.1 200 OK\r\nX-N: 999\r\nContent-Length: 4\r\n\r\nevil")


class Origin:
    """Everything behind the gateway. `refuses` and `hangs` are until when dialling meets that, on the loop's clock."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, line: Line, platform: Platform, history: History, checks: Checks
    ) -> None:
        self.refuses = self.hangs = 0.0
        self.forbidden: str | None = None
        self.conversations: dict[Conversation, asyncio.Task[None]] = {}
        self.gateways_ends: list[End] = []
        self._loop = loop
        self._line = line
        self._platform = platform
        self._history = history
        self._checks = checks
        self._chance: Random = line.chance
        self._ports = 40_000

    # --- connections
    async def dial(
        self,
        new_protocol: Callable[[], OriginConnection],
        upstream: Upstream,
        tls: ssl.SSLContext | None,
        within: float,
        *,
        gateway: int,
    ) -> OriginConnection:
        """Do what `proxy.wire.dial.dial` does. Raises OriginError."""
        del tls
        try:
            async with asyncio.timeout(within):
                await asyncio.sleep(2 * self._line.delay())
                if self._loop.time() < self.hangs:
                    self._history.fault("dial hangs")
                    await self._loop.create_future()
        except TimeoutError:
            raise ConnectionFailed from None
        if self._loop.time() < self.refuses:
            self._history.fault("dial refused")
            raise as_ours(ConnectionRefusedError("refused"))
        return self._accept(new_protocol(), upstream, gateway)

    def _accept(self, protocol: OriginConnection, upstream: Upstream, gateway: int) -> OriginConnection:
        self._ports += 1
        near, far = joined(self._loop, self._line, ("gateway", self._ports), (upstream.host, upstream.port))
        conversation = Conversation(Peer(self._loop, gateway))
        self.gateways_ends.append(near)
        near.wire = lambda data: self._checks.on_wire(conversation, data)
        near.read = conversation.delivered
        begin(far, conversation.peer)
        begin(near, protocol)
        task = self._loop.create_task(self._serve(conversation))
        self.conversations[conversation] = task
        task.add_done_callback(lambda _: self.conversations.pop(conversation))
        return protocol

    def close_idle(self) -> None:
        """Close what lies idle."""
        for conversation in list(self.conversations):
            if conversation.idle and not conversation.peer.buffer:
                self._history.fault("closed idle")
                conversation.trouble.add("closed idle")
                conversation.peer.close()

    def mute(self) -> None:
        """Lose a connection without a word."""
        if self.conversations:
            conversation = self._chance.choice(list(self.conversations))
            self._history.fault("mute")
            conversation.trouble.add("mute")
            conversation.mute()

    def forget_muted(self) -> None:
        """Give up what will never be heard of again, as TCP does after a while."""
        for conversation in list(self.conversations):
            if conversation.muted:
                conversation.peer.reset()

    # --- requests
    async def _serve(self, conversation: Conversation) -> None:
        try:
            while await self._exchange(conversation):
                conversation.asked, conversation.idle = None, True
        except Cut:
            pass
        finally:
            conversation.peer.close()

    async def _exchange(self, conversation: Conversation) -> bool:
        """Answer one request; return whether there may be another."""
        head = await conversation.peer.until(b"\r\n\r\n")
        conversation.idle = False
        asked, arrival = self._arrived(head)
        conversation.asked = asked
        act = asked.plan.acts[min(len(asked.arrivals), 2) - 1]
        wrong = act.wrong
        if wrong:
            self._history.fault("origin: " + wrong, f"n={asked.plan.number}")
            conversation.trouble.add(wrong)
        arrival.refused = self._refuses(asked, arrival, wrong)
        if wrong in {"hang", "reset", "vanish"}:
            return await self._silent(conversation, asked, head, arrival, wrong)
        early = bool(asked.plan.size) and (wrong == "early" or (arrival.refused and self._chance.random() < 0.3))
        if early:
            conversation.trouble.add("early")
        else:
            await self._body(conversation, asked, head, arrival)
        if act.delay:
            await asyncio.sleep(act.delay)
        keep = await self._answer(conversation, asked, arrival, act)
        if early and keep:
            if self._chance.random() < 0.5:
                return False
            await self._body(conversation, asked, head, arrival)
        return keep

    def _arrived(self, head: bytes) -> tuple[Asked, Arrival]:
        lines = head.split(b"\r\n")
        number = int(lines[0].split(b" ")[1].rpartition(b"?n=")[2])
        asked = self._checks.asked[number]
        token = next((line[22:].decode() for line in lines if line.startswith(b"Authorization: Bearer ")), "")
        arrival = Arrival(self._loop.time(), token, live=self._platform.live(token))
        asked.arrivals.append(arrival)
        self._history.note("origin got", f"n={number} {token} live={arrival.live}")
        return asked, arrival

    def _refuses(self, asked: Asked, arrival: Arrival, wrong: str) -> bool:
        path = asked.plan.path
        return path != OPEN and (not arrival.live or path == self.forbidden or wrong == "refuse")

    async def _silent(
        self, conversation: Conversation, asked: Asked, head: bytes, arrival: Arrival, wrong: str
    ) -> bool:
        """Give no answer at all."""
        if self._chance.random() < 0.5:
            await self._body(conversation, asked, head, arrival)
        if wrong == "hang":
            await conversation.peer.gone()
        elif wrong == "reset":
            conversation.peer.reset()
        return False

    async def _body(self, conversation: Conversation, asked: Asked, head: bytes, arrival: Arrival) -> None:
        """Read the request's body, and see that it is the client's."""
        peer = conversation.peer
        if b"\r\nExpect: 100-continue\r\n" in head:
            conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if asked.plan.framing == "chunked":
            body = b""
            while size := int(await peer.until(b"\r\n"), 16):
                body += (await peer.exactly(size + 2))[:-2]
            await peer.until(b"\r\n")
        else:
            body = await peer.exactly(asked.plan.size)
        arrival.body = body == asked.body
        if not arrival.body:
            self._history.broke("a request's body arrives as it was sent", f"n={asked.plan.number}")

    # --- answers
    async def _answer(self, conversation: Conversation, asked: Asked, arrival: Arrival, act: Act) -> bool:
        if act.wrong == "malformed":
            conversation.send(self._chance.choice(GARBAGE))
            return False
        number = asked.plan.number
        if arrival.refused:
            # A HEAD has no body to say why.
            arrival.status, arrival.payload = (
                REFUSED[0] if asked.plan.method == "HEAD" else self._chance.choice(REFUSED)
            )
        else:
            arrival.status = act.status
            arrival.payload = pattern(number * 10 + len(asked.arrivals), act.size)
        if act.interim and not arrival.refused:
            conversation.send(b"HTTP/1.1 %d Early\r\nLink: </x>\r\n\r\n" % act.interim)
        arrival.answered, arrival.began = True, self._loop.time()
        self._history.note("origin answers", f"n={number} {arrival.status}")
        framing = "length" if arrival.refused else act.framing
        keep = await self._send(conversation, asked, arrival, act, framing)
        if arrival.whole:
            conversation.mark(lambda: self._checks.delivered(conversation, asked, arrival))
            conversation.delivered(b"")
        return keep

    async def _send(self, conversation: Conversation, asked: Asked, arrival: Arrival, act: Act, framing: str) -> bool:
        payload = b"" if asked.plan.method == "HEAD" else arrival.payload
        head = b"HTTP/1.1 %d Said\r\nX-N: %d\r\n" % (arrival.status, asked.plan.number)
        close = framing == "end" or act.wrong == "early"
        head += b"Connection: close\r\n" if close else b""
        match framing:
            case "length":
                head += b"Content-Length: %d\r\n\r\n" % len(arrival.payload)
            case "chunked":
                head += b"Transfer-Encoding: chunked\r\n\r\n"
            case _:
                head += b"\r\n"
        inside = act.wrong in {"reset inside", "end inside"}
        if inside and payload:
            return await self._break(conversation, head, payload, act, framing)
        pieces = [head, *chopped(payload, act.pieces)]
        for count, piece in enumerate(pieces):
            if count > 1:
                await asyncio.sleep(0.05 * self._chance.random())
            conversation.send(piece if not count or framing != "chunked" else b"%x\r\n%b\r\n" % (len(piece), piece))
        if framing == "chunked" and asked.plan.method != "HEAD":
            conversation.send(b"0\r\n\r\n")
        arrival.whole = True
        return self._behind(conversation, act, close=close)

    def _behind(self, conversation: Conversation, act: Act, *, close: bool) -> bool:
        """Do what comes right behind an answer."""
        if act.wrong == "excess":
            conversation.send(self._chance.choice(SURPLUS))
        elif act.wrong == "reset behind":
            conversation.peer.reset()
        return not close and act.wrong not in {"reset behind", "close behind"}

    async def _break(self, conversation: Conversation, head: bytes, payload: bytes, act: Act, framing: str) -> bool:
        """Send an answer as far as its middle."""
        half = payload[: len(payload) // 2]
        if framing == "chunked":
            half = b"%x\r\n%b\r\n" % (len(half), half) if half else b""
        conversation.send(head + half)
        await asyncio.sleep(0.2 * self._chance.random())
        # An answer that the end of the connection would end can be cut visibly by a reset alone.
        if act.wrong == "reset inside" or framing == "end":
            conversation.peer.reset()
        return False


def chopped(data: bytes, pieces: int) -> list[bytes]:
    """Return data in so many pieces, none of them empty."""
    size = -(-len(data) // pieces) or 1
    return [data[at : at + size] for at in range(0, len(data), size)]
