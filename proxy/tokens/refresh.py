"""The login behind a token: when it is made, that there is only one, and what it leaves behind."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from proxy.core.backoff import REFRESH_INTERVAL, Pace
from proxy.core.credential import Credential
from proxy.core.identity import Identity
from proxy.core.redact import defect
from proxy.core.secret import Secret
from proxy.core.token import Phase, Token
from proxy.core.token_events import LoginFailed, LoginSucceeded, Outcome, Reason, TokenEvent
from proxy.errors import LoginError, LoginRejected, LoginUnavailable
from proxy.tokens.cache import TokenCache
from proxy.tokens.clock import Clock, Timer, deadline, pause
from proxy.tokens.singleflight import RunCancelled, SingleFlight
from proxy.tokens.source import Issuer
from proxy.tokens.state import Record, TokenState
from proxy.tokens.watch import Watch

# Retry-After has whole seconds (RFC 9110 §10.2.3), and zero would invite a storm.
MIN_RETRY_AFTER = 1.0

_HELD = "the next login may not start yet"
_CLOSED = "the gateway stops or has another configuration"


class Refresh:
    """Keeps `token` live, by timer, from `start` until `close`; `on_token` is told each new one and what it is for.

    Whatever follows the end of a login happens without an await: wherever a cancellation strikes, the state is whole.
    """

    def __init__(
        self,
        issuer: Issuer,
        credential: Credential,
        *,
        clock: Clock,
        cache: TokenCache,
        random: Callable[[], float],
        on_token: Callable[[Token, Reason], None],
        on_event: Callable[[TokenEvent], None],
    ) -> None:
        self.token: Token | None = None
        self._issuer = issuer
        self._credential = credential
        self._clock = clock
        self._cache = cache
        self._random = random
        self._on_token = on_token
        self._on_event = on_event
        self._flight: SingleFlight[None] = SingleFlight()
        self._watch = Watch(issuer, clock, lambda: self._hurry(Reason.ROTATION))
        self._timer: Timer | None = None
        self._pace = Pace()
        self._record = Record()
        self._identity: Identity | None = None  # of the last login, once its secrets could be read
        self._bought: Identity | None = None  # for whom `token` was issued
        self._wanted: Reason | None = None  # why a login is due, whatever token is at hand
        self._refused: Token | None = None  # the token that the next one takes the place of
        self._closed = False
        self._begun = -math.inf  # the last login
        self._earliest = -math.inf  # before it no login begins by itself: many credentials are spread
        self._failure: LoginError = LoginUnavailable(cause=_HELD)

    @property
    def state(self) -> TokenState:
        """What there is to tell now."""
        token, record, due = self.token, self._record, self._due()
        return TokenState(
            credential=self._credential.name,
            phase=token.phase(self._clock.time()) if token else None,
            expires_at=token.expires_at if token else None,
            next_attempt=None if self._flight.flying or due == math.inf else due,
            outcome=record.outcome,
            cause=record.cause,
            finished_at=record.finished_at,
            logins=dict(record.logins),
            refreshes=dict(record.refreshes),
        )

    @property
    def hidden(self) -> tuple[Secret, ...]:
        """The secrets that nobody may see: of the login that gave the token, and of the last one if it is another."""
        of = (self._bought,) if self._identity is self._bought else (self._bought, self._identity)
        return tuple(secret for each in of if each is not None for secret in each.hidden)

    @property
    def pace(self) -> Pace:
        """What the logins so far mean for the next one, with that in flight."""
        return self._pace.begun(self._begun) if self._flight.flying else self._pace

    def follow(self, pace: Pace) -> None:
        """Go on at the pace of the source that had this name before: its budget counts, its waits do not."""
        self._pace = pace.forgiven()

    def start(self, within: float) -> None:
        """Begin the first login, at a moment within so many seconds; a request that comes sooner begins it itself."""
        self._earliest = self._clock.time() + within * self._random()
        self._go_on()

    def begin(self) -> bool:
        """Begin a login, if one may start now; tell whether one is in flight."""
        if self._flight.flying:
            return True
        now = self._clock.time()
        if now < self._next_login():
            return False
        self._begun = now
        self._flight.begin(partial(self._log_in, self._reason(now), now))
        return True

    async def attempt(self) -> None:
        """Wait for the login in flight, or for one that may start now; at most `login_timeout`."""
        if self.begin():
            try:
                await self._flight.join()
            except RunCancelled:
                return  # closed: `absence` says so

    def replaceable(self) -> bool:
        """Tell whether a refusal would find a login in flight or could cause one."""
        may_start = not self._closed and self._clock.time() >= self._pace.next_login(refusal=True)
        return self._flight.flying or may_start

    def drop(self, token: Token) -> None:
        """Forget the current token for good, because the origin refused it, and begin the login for another."""
        self._uncache(token)
        self.token = None
        self._wanted, self._refused = Reason.REFUSAL, token
        self._go_on()

    def ask(self) -> None:
        """Log in without waiting for backoff or probe, because somebody wants it, a second behind the last login."""
        self._hurry(Reason.ASKED)
        when = self._next_login()
        if not self._flight.flying and self._clock.time() < when <= self._pace.last_start + REFRESH_INTERVAL:
            self._begun = when
            self._flight.begin(partial(self._log_in, Reason.ASKED, when))

    def change(self, credential: Credential, issuer: Issuer) -> None:
        """Go on with a credential of the same `question`; the token at hand serves. Other secrets are tried at once."""
        self._credential, self._issuer = credential, issuer
        self.look()

    def look(self) -> None:
        """Read the secrets anew, without waiting for the time to look at them; others than before are tried at once."""
        if self._identity is None and self._record.outcome is not None:  # those before could not even be read
            self._hurry(Reason.ROTATION)
        self._watch.look(self._issuer)

    def distrust(self, since: float, within: float) -> None:
        """Take a live token for stale: the clock has jumped, after `since`. Its refresh begins within so many seconds.

        One that was issued later has most likely not seen the jump; if it has, its refusal tells.
        """
        token, now = self.token, self._clock.time()
        if token is not None and token.issued_at < since:
            token.stale_at = min(token.stale_at, now)
            self._earliest = now + within * self._random()
            self._plan()

    def absence(self) -> LoginError:
        """Return why there is no token, as an error that is the caller's own."""
        wait = self._next_login() - self._clock.time()
        retry_after = max(wait, MIN_RETRY_AFTER) if math.isfinite(wait) else MIN_RETRY_AFTER
        return type(self._failure)(cause=self._failure.cause, retry_after=retry_after)

    async def log_out(self) -> None:
        """End the session at the platform, if there is one and it is nobody else's."""
        token = self.token
        if token is not None and self._bought is not None and token.phase(self._clock.time()) is not Phase.EXPIRED:
            await self._issuer.end(token, self._bought)
            if self._credential.logout is not None:
                self._uncache(token)

    async def close(self) -> None:
        """Make no further login; leave neither timer nor task. The token stays for the requests under way."""
        self._closed = True
        self._failure = LoginUnavailable(cause=_CLOSED)
        self._plan()
        self._watch.stop()
        await self._flight.close()
        await self._watch.close()

    def _uncache(self, token: Token) -> None:
        """Let no configuration to come begin with this token."""
        with suppress(KeyError):  # expired between the look and the deletion
            if self._bought is not None and self._cache.get(self._bought.key) is token:
                del self._cache[self._bought.key]

    async def _log_in(self, reason: Reason, started: float) -> None:
        if (wait := started - self._clock.time()) > 0:
            await pause(self._clock, wait)
            reason = self._wanted or reason  # the token at hand may have been refused meanwhile
        issuer = self._issuer
        await self._log_in_once(reason, started)
        if self._issuer is not issuer:  # the secrets may be from before the change
            self.look()

    async def _log_in_once(self, reason: Reason, started: float) -> None:
        limit = self._credential.login_timeout
        try:
            async with deadline(self._clock, limit):
                identity = self._identity = await self._issuer.identify()
                token = await self._obtained(identity, reason)
        except LoginError as error:
            failure = error
        except TimeoutError:
            failure = LoginUnavailable(cause=f"no token within {limit:g} s")
        except Exception as error:  # noqa: BLE001 - a defect must cost one login, not all that follow
            failure = LoginUnavailable(cause=f"a defect of the gateway: {defect(error)}")
        else:
            self._succeeded(token, identity, reason, started)
            return
        self._failed(failure, reason, started)

    async def _obtained(self, identity: Identity, reason: Reason) -> Token:
        """Return the token of a login, or at the start the one that a configuration before this one left."""
        token = self._cache.get(identity.key) if reason is Reason.START else None
        if token is None:
            token = await self._issuer.issue(identity, self.token or self._refused)
        if token.phase(self._clock.time()) is Phase.EXPIRED:
            raise LoginUnavailable(cause="the login's token had expired when it came")
        return token

    def _succeeded(self, token: Token, identity: Identity, reason: Reason, started: float) -> None:
        now, key = self._clock.time(), identity.key
        kept = self._cache.get(key) is token
        self.token, self._bought, self._wanted, self._refused = token, identity, None, None
        self._failure = LoginUnavailable(cause=_HELD)
        self._watch.start(identity)
        if not kept:
            self._pace = self._pace.succeeded(started, refusal=reason is Reason.REFUSAL)
            self._cache[key] = token
            self._record.count(Outcome.SUCCEEDED, now)
            self._record.refreshes[reason] += 1
        self._plan()
        self._on_token(token, reason)
        if not kept:
            self._on_event(LoginSucceeded(self._credential.name, now - started, token.expires_at - now, reason))

    def _hurry(self, reason: Reason) -> None:
        """Log in without waiting for backoff or probe. The token at hand serves until there is another."""
        self._wanted = self._wanted or reason
        self._pace = self._pace.forgiven()
        self._failure = LoginUnavailable(cause=_HELD)
        self._go_on()

    def _failed(self, failure: LoginError, reason: Reason, started: float) -> None:
        """Take note of a failure. Keys once refused stay refused: a probe that meets another fault proves nothing."""
        now = self._clock.time()
        rejected = isinstance(failure, LoginRejected)
        if rejected or isinstance(self._failure, LoginRejected):
            self._pace = self._pace.rejected(started, now)
        else:
            self._pace = self._pace.failed(started, now, self._random())
        if rejected or not isinstance(self._failure, LoginRejected):
            self._failure = failure
        if self._wanted is Reason.ASKED:
            self._wanted = None  # whoever asked is told, and may ask again
        if self._identity is not None:
            self._watch.start(self._identity)
        outcome = Outcome.REJECTED if rejected else Outcome.UNAVAILABLE
        self._record.count(outcome, now, failure.cause)
        self._plan()
        retry_in = self._next_login() - now
        left = 0.0 if self.token is None else max(0.0, self.token.expires_at - now)
        self._on_event(
            LoginFailed(self._credential.name, now - started, outcome, failure.cause, retry_in, reason, left)
        )

    def _reason(self, now: float) -> Reason:
        if self._wanted is not None:
            return self._wanted
        if self.token is None:
            return Reason.START
        return Reason.AHEAD if now < self.token.expires_at else Reason.EXPIRY

    def _next_login(self) -> float:
        """When the next login may start."""
        return math.inf if self._closed else self._pace.next_login(refusal=self._wanted is Reason.REFUSAL)

    def _due(self) -> float:
        """When the next login starts by itself: it may, and the token is stale or absent, or another is wanted."""
        may = self._next_login()
        if self._wanted is None:
            may = max(may, self._earliest)
            return may if self.token is None else max(may, self.token.stale_at)
        return may

    def _go_on(self) -> None:
        """Begin the login that is due, or set the timer for it: the life of a sliding token may have been extended."""
        if self._clock.time() < self._due() or not self.begin():
            self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._due()
        self._timer = None if due == math.inf else self._clock.call_at(due, self._go_on)
