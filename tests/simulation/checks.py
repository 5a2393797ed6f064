"""What is looked at while it happens: tokens on the wire, refusals, logins, waits."""

import asyncio
import re

from proxy.core.doubt import TRIAL
from proxy.core.events import Finished
from proxy.core.token_events import LoginFailed, LoginSucceeded, RefusalsDoubted, TokenEvent, TokenRefused
from tests.simulation.asked import Arrival, Asked
from tests.simulation.conversation import Conversation
from tests.simulation.history import History
from tests.simulation.peer import Peer
from tests.simulation.platform import Platform

ON_WIRE = re.compile(rb"\?n=(\d+) HTTP/1\.1\r\n(?:(?!Auth)[^\r]+\r\n)*(?:Authorization: Bearer (\S+)\r\n)?")


class Knowledge:
    """What one gateway can know, from its start to its end.

    `refused` has the tokens whose refusal it was given, and when; `doubted` is when it began to doubt refusals, and
    `accepted` what has accepted which token since. `current` is the token that it got last, `trial` when it
    believed a refusal, until something has accepted the token after it. It was `stopping` until it
    had `ended`.
    """

    def __init__(self) -> None:
        self.refused: dict[str, float] = {}
        self.doubted: float | None = None
        self.accepted: set[tuple[str, str, str]] = set()
        self.current = ""
        self.trial: float | None = None
        self.events: list[tuple[float, TokenEvent]] = []
        self.stopping: float | None = None
        self.ended: float | None = None


class Checks:
    """Every request by its number, and what the gateways have been told."""

    def __init__(self, loop: asyncio.AbstractEventLoop, platform: Platform, history: History) -> None:
        self.began = loop.time()
        self.asked: dict[int, Asked] = {}
        self.gateways: list[Knowledge] = []
        self.finished: list[Finished] = []
        self.waits: list[float] = []
        self._now = loop.time
        self._platform = platform
        self._history = history

    # --- requests
    def begin(self, asked: Asked, peer: Peer) -> None:
        """A client sends a request."""
        asked.sent, asked.gateway = self._now(), peer.gateway
        self.asked[asked.plan.number] = asked
        self._history.note("client asks", f"n={asked.plan.number} {asked.plan.method} {asked.plan.path}")

    def stopped(self, asked: Asked) -> bool:
        """Return whether the gateway that a request was for stopped under it."""
        stopping = self.gateways[asked.gateway].stopping
        return stopping is not None and stopping <= asked.ended

    def observe(self, fact: Finished) -> None:
        """An exchange has ended, says the gateway."""
        self.finished.append(fact)
        number = int(fact.target.rpartition(b"?n=")[2] or -1)
        if number in self.asked:
            self.asked[number].decided = self._now()
        self._history.note("finished", f"{fact.target.decode()} {fact.status} {fact.code or ''} {fact.cause}")
        if fact.code == "internal_error":
            self._history.broke("there are no internal errors", fact.cause)

    # --- tokens
    def on_wire(self, conversation: Conversation, data: bytes) -> None:
        """A gateway writes to the origin: no token may be one that it can know to be dead."""
        now, known = self._now(), self.gateways[conversation.gateway]
        for number, token in ON_WIRE.findall(data):
            self.asked[int(number)].on.append(conversation.trouble)
            text = token.decode()
            if not text:
                continue
            if now >= self._platform.grants[text].until:
                self._history.broke("no expired token on the wire", f"n={number.decode()} {text}")
            refused = known.refused.get(text)
            if refused is not None and now > refused and known.doubted is None:
                self._history.broke("no refused token on the wire", f"n={number.decode()} {text}")

    def delivered(self, conversation: Conversation, asked: Asked, arrival: Arrival) -> None:
        """A gateway is given the end of an answer."""
        known, now = self.gateways[conversation.gateway], self._now()
        if not arrival.token or asked.left or asked.reasons or "excess" in conversation.trouble:
            return
        what = arrival.token, asked.plan.method, asked.plan.path
        if not arrival.refused:
            if arrival.token == known.current:
                known.trial = None
                if known.doubted is not None and arrival.began >= known.doubted:
                    known.accepted.add(what)
            return
        known.refused.setdefault(arrival.token, now)
        current = arrival.token == known.current and now < self._platform.grants[arrival.token].until - 1.0
        believed = known.doubted is None and (known.trial is None or now > known.trial + TRIAL)
        arrival.hidden = believed or (current and what in known.accepted)

    def token_event(self, gateway: int, event: TokenEvent) -> None:
        """A gateway's token source tells what has happened."""
        known = self.gateways[gateway]
        known.events.append((self._now(), event))
        match event:
            case RefusalsDoubted():
                known.doubted = self._now()
                known.accepted.clear()
                self._history.note("refusals doubted", f"gateway={gateway}")
            case TokenRefused():
                known.trial, known.current = self._now(), ""
                self._history.note("refusal believed", f"gateway={gateway}")
            case LoginSucceeded():
                known.current = next(each.text for each in reversed(self._platform.attempts) if each.gateway == gateway)
                self._history.note("login succeeded", f"gateway={gateway} {event.reason} life={event.lifetime:.3f}")
            case LoginFailed():
                self._history.note("login failed", f"gateway={gateway} {event.outcome} {event.cause}")

    def waited(self, seconds: float, bound: float, call: str) -> None:
        """A request has waited for a token."""
        self.waits.append(seconds)
        if seconds > bound + 1e-6:
            self._history.broke("nobody waits longer than login_timeout for a token", f"{call} {seconds:.3f}")
