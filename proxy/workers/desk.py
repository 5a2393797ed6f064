"""The supervisor's side of a worker's token sources: it answers what the worker asks, and says what has changed."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Container, Coroutine, Mapping
from typing import Any

from proxy.core.token import Token
from proxy.errors import LoginError, LoginRejected
from proxy.tokens.reuse import Reuse
from proxy.workers.channel import Message
from proxy.workers.remote import KNOWN

# Stands for a token that is not remembered any more: its refusal is a late one.
FORGOTTEN = Token("forgotten", 0.0, 0.0)


class Lent:
    """A source as one worker knows it: tokens go by numbers, which both remember for the last few."""

    def __init__(self, name: str, source: Reuse, *, scrubs: bool) -> None:
        self.source = source
        self.heard = 0  # the last message that has had its effect
        self._name = name
        self._scrubs = scrubs
        self._numbers = itertools.count(1)
        self._tokens: deque[tuple[int, Token]] = deque(maxlen=KNOWN)

    def state(self) -> dict[str, Any]:
        """Return what there is to tell; secrets only to a worker that has to hide them in answers."""
        source = self.source
        return {
            "source": self._name,
            "heard": self.heard,
            "token": self.described(source.current()),
            "doubtful": source.doubtful,
            "listening": source.listening,
            "hidden": [secret.reveal() for secret in source.hidden] if self._scrubs else [],
        }

    def described(self, token: Token | None) -> dict[str, Any] | None:
        """Return a token as it is sent."""
        if token is None:
            return None
        number = next((number for number, known in self._tokens if known is token), None)
        if number is None:
            number = next(self._numbers)
            self._tokens.append((number, token))
        times = {"issued_at": token.issued_at, "stale_at": token.stale_at, "expires_at": token.expires_at}
        return {"number": number, "value": token.value, **times}

    def token(self, number: int) -> Token:
        """Return the token that has a number."""
        return next((token for known, token in self._tokens if known == number), FORGOTTEN)


class Desk:
    """Answers one worker. `say` sends it a message; the sources in `scrubbed` have secrets that it must hide."""

    def __init__(self, sources: Mapping[str, Reuse], scrubbed: Container[str], say: Callable[[Message], bool]) -> None:
        self._lent = {name: Lent(name, source, scrubs=name in scrubbed) for name, source in sources.items()}
        self._say = say
        self._said: dict[str, Message] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def tell(self) -> None:
        """Say what has changed since it was last said."""
        for name, lent in self._lent.items():
            state = lent.state()
            if state != self._said.get(name):
                self._said[name] = state
                self._say(state)

    def heard(self, message: Message) -> None:
        """Do what the worker asks for."""
        lent, verb = self._lent[message["source"]], message["verb"]
        source, number = lent.source, message["number"]
        token, what = lent.token(message.get("token", 0)), message.get("what", "")
        match verb:
            case "token":
                self._begin(lent, number, source.token())
            case "fresh":
                self._begin(lent, number, source.fresh())
            case "renew":
                self._begin(lent, number, source.renew(token, what))
            case "invalidate":
                source.invalidate(token, what)
            case "replay_refused":
                source.replay_refused(token, what)
            case "accepted":
                source.accepted(token, what, message["at"])
        # behind the first step of a call, which is the one that has the effect
        asyncio.get_running_loop().call_soon(self._took_effect, lent, number)

    def close(self) -> None:
        """The worker is gone: nobody waits for its calls."""
        for call in self._calls:
            call.cancel()

    def _took_effect(self, lent: Lent, number: int) -> None:
        lent.heard = number
        self.tell()

    def _begin(self, lent: Lent, number: int, call: Coroutine[Any, Any, Token | None]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(lent, number, call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self, lent: Lent, number: int, call: Coroutine[Any, Any, Token | None]) -> None:
        answer: dict[str, Any] = {"to": number, "granted": None}
        try:
            answer["granted"] = lent.described(await call)
        except LoginError as error:
            answer["error"] = [isinstance(error, LoginRejected), error.cause, error.retry_after]
        self._say({**lent.state(), **answer, "heard": max(lent.heard, number)})
