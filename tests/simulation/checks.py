"""What is looked at while it happens: tokens on the wire, refusals, logins, waits."""

import asyncio
import re
from typing import TYPE_CHECKING

from proxy.core.events import Finished
from proxy.core.token_events import LoginFailed, LoginSucceeded, RefusalsDoubted, TokenEvent, TokenRefused
from tests.simulation.asked import Arrival, Asked
from tests.simulation.history import History
from tests.simulation.platform import Platform

if TYPE_CHECKING:
    from tests.simulation.origin import Conversation

ON_WIRE = re.compile(rb"\?n=(\d+) HTTP/1\.1\r\n(?:[^\r]+\r\n)*?Authorization: Bearer (\S+)\r\n")


class Knowledge:
    """What one gateway can know, from its start to its end.

    `refused` has the tokens whose refusal it was given, and when; `doubted` is when it began to doubt refusals, and
    `accepted` what has accepted which token since.
    """

    def __init__(self) -> None:
        self.refused: dict[str, float] = {}
        self.doubted: float | None = None
        self.accepted: set[tuple[str, str, str]] = set()
        self.events: list[tuple[float, TokenEvent]] = []
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
    def begin(self, asked: Asked) -> None:
        """A client sends a request."""
        asked.sent = self._now()
        self.asked[asked.plan.number] = asked
        self._history.note("client asks", f"n={asked.plan.number} {asked.plan.method} {asked.plan.path}")

    def observe(self, fact: Finished) -> None:
        """An exchange has ended, says the gateway."""
        self.finished.append(fact)
        self._history.note("finished", f"{fact.target.decode()} {fact.status} {fact.code or ''} {fact.cause}")
        if fact.code == "internal_error":
            self._history.broke("there are no internal errors", fact.cause)

    # --- tokens
    def on_wire(self, conversation: "Conversation", data: bytes) -> None:
        """A gateway writes to the origin: no token may be one that it can know to be dead."""
        now, known = self._now(), self.gateways[conversation.gateway]
        for number, token in ON_WIRE.findall(data):
            text = token.decode()
            if conversation.muted:
                self.asked[int(number)].reasons.add("mute")
            if now >= self._platform.grants[text].until:
                self._history.broke("no expired token on the wire", f"n={number.decode()} {text}")
            refused = known.refused.get(text)
            if refused is not None and now > refused and known.doubted is None:
                self._history.broke("no refused token on the wire", f"n={number.decode()} {text}")

    def refusal_seen(self, conversation: "Conversation", asked: Asked, arrival: Arrival) -> None:
        """A gateway is given the end of an answer that refuses a token."""
        known = self.gateways[conversation.gateway]
        if not (asked.left or "stall" in asked.reasons):
            known.refused.setdefault(arrival.token, self._now())

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
                self._history.note("refusal believed", f"gateway={gateway}")
            case LoginSucceeded():
                self._history.note("login succeeded", f"gateway={gateway} {event.reason} life={event.lifetime:.3f}")
            case LoginFailed():
                self._history.note("login failed", f"gateway={gateway} {event.outcome} {event.cause}")

    def waited(self, seconds: float, bound: float, call: str) -> None:
        """A request has waited for a token."""
        self.waits.append(seconds)
        if seconds > bound + 1e-6:
            self._history.broke("nobody waits longer than login_timeout for a token", f"{call} {seconds:.3f}")
