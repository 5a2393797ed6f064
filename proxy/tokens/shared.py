"""Tokens that processes and replicas share: one login for all of them, and none for one that starts anew."""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from proxy.core.backoff import BUDGET, JITTER, LOGIN_BACKOFF, REFRESH_INTERVAL, WINDOW
from proxy.core.credential import Credential
from proxy.core.held import Held
from proxy.core.identity import Identity
from proxy.core.note import FailureNote, TokenNote, noted
from proxy.core.token import Phase, Token
from proxy.core.token_events import TokenEvent, TokenFound
from proxy.errors import LoginError, LoginRejected, LoginUnavailable, StoreError
from proxy.tokens.cache import TokenCache
from proxy.tokens.clock import Clock, deadline, pause
from proxy.tokens.notes import Notes
from proxy.tokens.seal import Seal
from proxy.tokens.source import Issuer
from proxy.tokens.store import Lock, Store

# Whoever waits for another's login looks again after so many seconds, and up to as many more.
POLL = 0.1
# Word of a failed login is heeded for so long. Those who waited for it look within 0.2 s; those who failed with it come
# back after a delay that jitter lengthens by up to a quarter, so a quarter of it keeps them together; and nobody is
# kept from a login for longer than it takes until the budget of one gateway would have room again.
SHORTEST_WORD, LONGEST_WORD = 1.0, WINDOW / BUDGET


def shared(
    issuer: Issuer,
    credential: Credential,
    store: Store | None,
    *,
    clock: Clock,
    cache: TokenCache,
    on_event: Callable[[TokenEvent], None],
) -> Issuer:
    """Return the issuer behind a store; as it is where there is no store, or no login whose token could be shared."""
    if store is None or isinstance(credential.recipe, Held):
        return issuer
    notes = Notes(credential.name, store, clock=clock, wall=time.time, on_event=on_event)
    return Shared(issuer, credential, notes, clock=clock, cache=cache, on_event=on_event)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one call of `issue` is about."""

    identity: Identity
    instead_of: Token | None
    seal: Seal


class Shared:
    """Issues the token that lies in the store, else one that `issuer` gets, which it lays there for the others.

    A token from the store is also put into the `cache`, where whoever asked for it sees that there was no login. When
    the store is of no use, logins are made as if there were none, and each next one tries it again. `clock` counts
    lifetimes and waits, `jitter` gives numbers in [0, 1).
    """

    def __init__(
        self,
        issuer: Issuer,
        credential: Credential,
        notes: Notes,
        *,
        clock: Clock,
        cache: TokenCache,
        on_event: Callable[[TokenEvent], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._issuer = issuer
        self._credential = credential
        self._name = credential.name
        self._limit = credential.login_timeout
        self._notes = notes
        self._clock = clock
        self._cache = cache
        self._on_event = on_event
        self._jitter = jitter
        self._me = secrets.token_hex(8)
        self._backoff = LOGIN_BACKOFF

    @property
    def poll(self) -> float | None:
        """How often it is worth looking whether the secrets have changed, in seconds; None: they cannot."""
        return self._issuer.poll

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the identity as the issuer tells it."""
        return await self._issuer.identify(known)

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Return a live token other than `instead_of`: from the store, or of one login for all who share it.

        Ends within `login_timeout`, and what it takes to give the lock back. Raises LoginRejected or LoginUnavailable,
        also for a login that another has made while this one waited for it; never because of the store.
        """
        try:
            async with deadline(self._clock, self._limit):
                return await self._issue(identity, instead_of)
        except TimeoutError:
            pass
        raise LoginUnavailable(cause=f"no token within {self._limit:g} s, neither from the login nor from the store")

    async def end(self, token: Token, identity: Identity) -> None:
        """Do nothing: the others go on with it."""

    async def _issue(self, identity: Identity, instead_of: Token | None) -> Token:
        try:
            # half of the time may go by for the seal: the rest is for the login
            seal = await self._notes.seal(identity.key, self._limit / 2)
            return await self._obtained(Wanted(identity, instead_of, seal))
        except StoreError as error:
            self._notes.failed(error)
        return await self._issuer.issue(identity, instead_of)

    async def _obtained(self, wanted: Wanted) -> Token:
        """Return the token in the store, waiting for it while another logs in. Raises StoreError and LoginError."""
        waited = False
        while (token := await self._found(wanted)) is None:
            lock = await self._notes.lock(wanted.seal, self._limit)
            if lock is not None:
                return await self._alone(lock, wanted, waited=waited)
            waited = True
            await pause(self._clock, POLL * (1 + self._jitter()))
        return token

    async def _alone(self, lock: Lock, wanted: Wanted, *, waited: bool) -> Token:
        """Look once more, now that nobody else logs in, and log in. The lock is given back, whatever happens."""
        try:
            token = await self._found(wanted)
            if token is None:
                await self._heed(wanted, waited=waited)
                token = await self._logged_in(lock, wanted)
            return token
        finally:
            await self._notes.release(lock)

    async def _found(self, wanted: Wanted) -> Token | None:
        """Return the token in the store, unless it is the one to be replaced or hardly lives any more."""
        note, life = await self._notes.read(wanted.seal, wanted.seal.name)
        if not isinstance(note, TokenNote) or (wanted.instead_of and note.text == wanted.instead_of.value):
            return None
        now = self._clock.time()
        token = self._credential.token(note.text, now - (note.lifetime - life), note.lifetime, self._jitter())
        # a stale one serves while the next is fetched, if it lives until then
        if token.phase(now) is not Phase.FRESH and life <= REFRESH_INTERVAL + self._limit:
            return None
        self._well()
        self._cache[wanted.identity.key] = token
        self._on_event(TokenFound(self._name, life))
        return token

    async def _heed(self, wanted: Wanted, *, waited: bool) -> None:
        """Raise the failure of another's login, if there was one just now.

        Refused keys are believed only by those who `waited` for that very login: a refusal stands for a quarter of an
        hour, and whoever comes later may know better.
        """
        note, life = await self._notes.read(wanted.seal, wanted.seal.failure)
        if not isinstance(note, FailureNote) or note.by == self._me or life <= 0:
            return
        self._backoff = self._backoff.failed()
        kind = LoginRejected if note.rejected and waited else LoginUnavailable
        raise kind(cause=f"the login of another gateway with these keys: {note.cause}")

    async def _logged_in(self, lock: Lock, wanted: Wanted) -> Token:
        """Return the token of a login, and leave it to the others, or word of its failure."""
        seal = wanted.seal
        try:
            token = await self._issuer.issue(wanted.identity, wanted.instead_of)
        except LoginError as error:
            self._backoff = self._backoff.failed()
            await self._notes.leave(lock, seal, seal.failure, self._word(error))
            raise
        now = self._clock.time()
        if now < token.expires_at and await self._notes.leave(lock, seal, seal.name, self._note(token, now)):
            self._well()
        return token

    def _note(self, token: Token, now: float) -> TokenNote:
        return noted(token, now, self._notes.wall())

    def _word(self, error: LoginError) -> FailureNote:
        rejected = isinstance(error, LoginRejected)
        life = min(max(JITTER * self._backoff.delay(), SHORTEST_WORD), LONGEST_WORD)
        return FailureNote(rejected, error.cause, self._me, LONGEST_WORD if rejected else life, self._notes.wall())

    def _well(self) -> None:
        """Take note that the store was of use, and that the login gives tokens."""
        self._backoff = LOGIN_BACKOFF
        self._notes.well()
