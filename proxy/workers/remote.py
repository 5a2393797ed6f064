"""A worker's token source: the supervisor's, at the other end of a channel."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from proxy.core.secret import Secret
from proxy.core.token import Phase, Token
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from proxy.workers.channel import Message

# What a token is accepted by is told no more often than this while only its life depends on it, in seconds.
TOLD_EVERY = 1.0
# How many tokens are known by their numbers; a refusal of an older one is a late one, whatever its number.
KNOWN = 8
LATE = 0

GONE: Message = {"error": [False, "the supervisor is gone", None]}


class RemoteSource:
    """Hands out the supervisor's token. The live one is known here, so only waits and refusals are asked about.

    A refused token is not handed out until the supervisor has heard of it, unless refusals are doubted: then most are
    passed on, and the token serves all the same. `say` sends a message, and returns whether anybody hears it; `now` is
    the clock of the supervisor too, as the monotonic clock of a machine is for all of its processes.
    """

    def __init__(self, name: str, say: Callable[[Message], bool], now: Callable[[], float]) -> None:
        self._name = name
        self._say = say
        self._now = now
        self._messages = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._tokens: deque[tuple[int, Token]] = deque(maxlen=KNOWN)
        self._token: Token | None = None
        self._suspended_until = 0  # the message that the supervisor has to have heard
        self._doubtful = False
        self._told_at = float("-inf")
        self.listening = False
        self.hidden: tuple[Secret, ...] = ()

    # --- what the supervisor says
    def heard(self, message: Message) -> None:
        """Take the state of the source, and with it the answer to a call, if it is one."""
        self._doubtful, self.listening = message["doubtful"], message["listening"]
        self.hidden = tuple(map(Secret, message["hidden"]))
        if message["heard"] >= self._suspended_until:
            self._suspended_until = 0
        self._token = self._known(message["token"])
        waiting = self._waiting.pop(message.get("to", 0), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def lost(self) -> None:
        """There is no supervisor any more: nobody waits for it."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            if not each.done():
                each.set_result(GONE)

    def _known(self, told: Message | None) -> Token | None:
        """Return the token that is told of; one that is known already stays the same, with the life that is left."""
        if told is None:
            return None
        for number, token in self._tokens:
            if number == told["number"]:
                token.stale_at, token.expires_at = told["stale_at"], told["expires_at"]
                return token
        token = Token(told["value"], told["expires_at"], told["stale_at"], told["issued_at"])
        self._tokens.append((told["number"], token))
        return token

    # --- what exchanges ask
    def current(self) -> Token | None:
        """Return the live token at once, None if there is none; the supervisor refreshes it ahead by a timer."""
        token = self._token
        if token is None or self._suspended_until or self._now() >= token.expires_at:
            return None
        return token

    async def token(self) -> Token:
        """Return the live token, waiting for the login in flight if there is none. Raises LoginError."""
        return self.current() or await self._obtained("token")

    async def fresh(self) -> Token:
        """Return a token for a request that cannot be replayed: a stale one is refreshed first. Raises LoginError."""
        token = self.current()
        if token is not None and token.phase(self._now()) is Phase.FRESH:
            return token
        return await self._obtained("fresh")

    async def renew(self, refused: Token, what: Hashable) -> Token | None:
        """Return a newer token than the one refused on `what`; None: pass the refusal on. Raises LoginError."""
        answer = await self._call("renew", refused, what)
        return self._known(answer["granted"])

    def invalidate(self, refused: Token, what: Hashable) -> bool:
        """Take note of a refusal without waiting; tell whether it is believed, as far as can be known here."""
        believed = refused is not self._token or not self._doubtful
        self._tell("invalidate", refused, what)
        return believed

    def replay_refused(self, token: Token, what: Hashable) -> None:
        """Take note that the replay with the newer token was refused too."""
        self._tell("replay_refused", token, what)

    def accepted(self, token: Token, what: Hashable, at: float) -> None:
        """Take note that `what`, sent `at`, accepted this token; needed only while `listening`."""
        if self._doubtful or at >= self._told_at + TOLD_EVERY:
            self._told_at = at
            self._tell("accepted", token, what, at=at)

    # --- how it is asked
    async def _obtained(self, verb: str) -> Token:
        token = self._known((await self._call(verb))["granted"])
        if token is None:  # it has died on its way here
            raise LoginUnavailable(cause="the token had expired when it came")
        return token

    async def _call(self, verb: str, token: Token | None = None, what: Hashable = ()) -> Message:
        """Ask, and wait for the answer, which comes within `login_timeout`. Raises LoginError."""
        number = self._tell(verb, token, what)
        answer = GONE
        if number is not None:
            waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
            try:
                answer = await waiting
            finally:
                self._waiting.pop(number, None)
        if answer.get("error") is not None:
            raise login_error(*answer["error"])
        return answer

    def _tell(self, verb: str, token: Token | None = None, what: Hashable = (), **more: float) -> int | None:
        """Send a message and return its number; a refused token waits until it has been heard."""
        number = next(self._messages)
        if token is not None and token is self._token and verb in {"renew", "invalidate"} and not self._doubtful:
            self._suspended_until = number
        known = next((each for each, one in self._tokens if one is token), LATE)
        sent: dict[str, Any] = {"source": self._name, "number": number, "verb": verb, **more}
        if token is not None:
            sent |= {"token": known, "what": repr(what)}
        return number if self._say(sent) else None


def login_error(rejected: bool, cause: str, retry_after: float | None) -> LoginError:  # noqa: FBT001  as it was sent
    """Return the error of a login that the supervisor made."""
    return (LoginRejected if rejected else LoginUnavailable)(cause=cause, retry_after=retry_after)
