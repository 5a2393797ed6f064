"""The token source that requests use: one token for all of them, for as long as it is good."""

from collections import deque
from collections.abc import Callable, Hashable

from proxy.core.backoff import Pace
from proxy.core.credential import Credential
from proxy.core.doubt import Doubt
from proxy.core.secret import Secret
from proxy.core.token import Phase, Token
from proxy.core.token_events import Reason, RefusalsDoubted, TokenEvent, TokenRefused
from proxy.tokens.cache import TokenCache
from proxy.tokens.clock import Clock
from proxy.tokens.refresh import Refresh
from proxy.tokens.source import Issuer
from proxy.tokens.state import TokenState

# A replaced token may live on at the platform: of one that is refreshed ahead, and of one or two that were asked for.
REMEMBERED = 4


class Reuse:
    """Hands out the token of one credential; never one that has expired or that a believed refusal killed.

    `clock` counts in seconds, an asyncio loop is one; `cache` is shared by all sources and outlives them; `random`
    gives numbers in [0, 1); `on_event` is told what happens and must not raise. Whoever makes it calls `start` in a
    running loop and, at the end, `close`.
    """

    def __init__(
        self,
        issuer: Issuer,
        credential: Credential,
        *,
        clock: Clock,
        cache: TokenCache,
        random: Callable[[], float],
        on_event: Callable[[TokenEvent], None],
    ) -> None:
        self._name = credential.name
        self._now = clock.time
        self._on_event = on_event
        self._doubt = Doubt()
        self._slides = credential.sliding
        self._replacement: Token | None = None  # in the place of a refused one, before the first replay with it
        self._unproven: Token | None = None  # likewise, where nobody could be replayed, until something accepts it
        self._unreplayed = False  # the refusal that is being mended is of a request that cannot be replayed
        self._tokens: deque[Secret] = deque(maxlen=REMEMBERED)
        self._refresh = Refresh(
            issuer, credential, clock=clock, cache=cache, random=random, on_token=self._new, on_event=on_event
        )

    @property
    def pace(self) -> Pace:
        """What the logins so far mean for the next one."""
        return self._refresh.pace

    @property
    def held(self) -> Token | None:
        """The token at hand, in whatever phase."""
        return self._refresh.token

    def follow(self, pace: Pace) -> None:
        """Go on, before `start`, at the pace of the source that had this name before: its login budget counts."""
        self._refresh.follow(pace)

    def change(self, credential: Credential, issuer: Issuer) -> None:
        """Go on with a credential of the same `question` from another configuration, whose tokens `issuer` issues.

        The token at hand serves; where the secrets differ a login with the new ones begins at once.
        """
        self._slides = credential.sliding
        self._refresh.change(credential, issuer)

    def look(self) -> None:
        """Read the secrets anew now, also those that cannot change by themselves; other ones are tried at once."""
        self._refresh.look()

    def start(self, within: float = 0.0) -> None:
        """Begin the first login, at a moment within so many seconds or with the first request that needs it.

        From then on the token is kept live by a timer, with or without requests.
        """
        self._refresh.start(within)

    def distrust(self, since: float, within: float = 0.0) -> None:
        """Take a token from before `since` for stale: the clock has jumped, so it may be older than it seems."""
        self._refresh.distrust(since, within)

    async def log_out(self) -> None:
        """End the session at the platform, where the credential says how; for the end of the process alone."""
        await self._refresh.log_out()

    async def close(self) -> None:
        """Make no further login; leave neither timer nor task. A live token still serves the requests under way."""
        await self._refresh.close()

    @property
    def state(self) -> TokenState:
        """What there is to tell now, for status, readiness and metrics."""
        return self._refresh.state

    @property
    def listening(self) -> bool:
        """Whether `accepted` needs to be called: use extends the token's life, or refusals are doubtful."""
        return self._slides or self._unproven is not None or self._doubt.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether a refusal of the current token may not be believed."""
        return self._unproven is not None or self._doubt.doubtful

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """What answers must not show: the credential's secrets, and the last tokens; nothing before a first login."""
        return (*self._refresh.hidden, *self._tokens)

    def current(self) -> Token | None:
        """Return the live token, None if there is none; behind a stale one a login begins, if it may."""
        token = self._refresh.token
        if token is None:
            return None
        now = self._now()
        if now < token.stale_at:
            return token
        if now >= token.expires_at:
            return None
        self._refresh.begin()
        return token

    async def token(self) -> Token:
        """Return the live token, else that of the one login in flight or of one that may start now.

        Waits at most `login_timeout`. Raises LoginRejected or LoginUnavailable, at once when no login may start now;
        `retry_after` is then the time to the next attempt in seconds, at least one.
        """
        token = self.current()
        if token is None:
            await self._refresh.attempt()
            token = self._live()
        return token

    async def fresh(self) -> Token:
        """Return a token for a request that cannot be replayed: one that is stale is refreshed first.

        Where that fails the stale one serves, as long as it lives. Raises as `token` does.
        """
        token = self.current()
        if token is None or token.phase(self._now()) is not Phase.FRESH:
            await self._refresh.attempt()
            token = self._live()
        return token

    async def refresh(self) -> Token:
        """Return the token of a new login, because somebody asks for it: no wait but the login budget's holds it back.

        The token at hand stays in use until then. Raises LoginRejected or LoginUnavailable.
        """
        before = self._refresh.token
        self._refresh.ask()
        await self._refresh.attempt()
        token = self._live()
        if token is before:
            raise self._refresh.absence()
        return token

    async def renew(self, refused: Token, what: Hashable) -> Token | None:
        """Return a newer token than the one that the origin refused on the request `what`.

        None if the refusal is doubted, or if there is no other token than this very text: pass it on as it came.
        Waits and raises as `token` does.
        """
        if not self._believed(refused, what):
            return None
        token = await self.token()
        if token.value == refused.value:
            self.replay_refused(token, what)
            return None
        if token is self._replacement:  # the first replay with it puts it on trial
            self._replacement = None
            self._doubt.replaced(token, self._now())
        return token

    def invalidate(self, refused: Token, what: Hashable) -> bool:
        """Take note of a refusal without waiting; tell whether the token is dead, now or long since.

        A refusal of the current token that is believed makes an end of it, and one login begins for all who were
        refused. Late refusals, of a token that has been replaced or has expired, cost nothing.
        """
        if refused is self._unproven:  # the second in a row that nobody can replay says what a refused replay says
            self.replay_refused(refused, what)
        current = refused is self._refresh.token
        believed = self._believed(refused, what)
        self._unreplayed = self._unreplayed or (current and believed)
        return believed

    def _believed(self, refused: Token, what: Hashable) -> bool:
        now = self._now()
        if refused is not self._refresh.token or now >= refused.expires_at:
            return True
        if self._doubt.on_trial(refused, now):
            self.replay_refused(refused, what)
        if not self._doubt.believes(refused, what, now, may_login=self._refresh.replaceable()):
            return False
        self._refresh.drop(refused)
        self._on_event(TokenRefused(self._name))
        return True

    def replay_refused(self, token: Token, what: Hashable) -> None:
        """Take note that the replay with the newer token was refused too: a new token does not mend this.

        Refusals cause no login for a while then, longer each time; many replays with one token count once.
        """
        if token is self._refresh.token and self._doubt.replay_refused(token, what, self._now()):
            self._on_event(RefusalsDoubted(self._name, self._doubt.wait))

    def accepted(self, token: Token, what: Hashable, at: float) -> None:
        """Take note that `what`, sent `at`, accepted this token; needed while `listening`.

        A sliding token lives longer for it, and a later refusal by the same is believed.
        """
        if self._slides:
            token.used(at)
        if token is self._unproven:
            self._unproven = None
        if self._doubt.doubtful and token is self._refresh.token:
            self._doubt.accepted(token, what)

    def _new(self, token: Token, reason: Reason) -> None:
        """A login has given a token; one that takes the place of a refused one has yet to prove itself."""
        self._tokens.append(Secret(token.value))
        self._replacement = token if reason is Reason.REFUSAL else None
        self._unproven = self._replacement if self._unreplayed else None
        self._unreplayed = False

    def _live(self) -> Token:
        """Return the live token, or raise why there is none."""
        token = self.current()
        if token is None:
            raise self._refresh.absence()
        return token
