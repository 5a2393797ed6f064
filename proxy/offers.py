"""What the token socket hands out: tokens by their credentials, and what is told about those given back."""

from collections.abc import Hashable, Iterable, Mapping

from proxy.core.injection import Injection, Place
from proxy.core.route import Route
from proxy.core.token import Token
from proxy.core.unreturned import Unreturned
from proxy.tokens.source import TokenSource


class Offer:
    """A credential that is handed out: where its tokens come from, and the field in which they are sent."""

    def __init__(self, source: TokenSource, injection: Injection) -> None:
        self._source = source
        self._injection = injection
        self._unreturned = Unreturned()

    async def first(self, what: Hashable, now: float) -> Token:
        """Return the token for a request. Raises LoginError."""
        token = await self._source.token()
        self._unreturned.give(token, what, now)
        return token

    async def instead_of(self, refused: str, what: Hashable, now: float) -> Token:
        """Return a newer token than the refused one, the same where the refusal is doubted. Raises LoginError."""
        token = self._returned(refused, what, now)
        newer = None if token is None else await self._source.renew(token, what)
        newer = newer or await self._source.token()
        if newer is not token:
            self._unreturned.give_again(newer, what)
        return newer

    def take_back(self, refused: str, what: Hashable, now: float) -> None:
        """Take note of a refusal without waiting."""
        token = self._returned(refused, what, now)
        if token is not None:
            self._source.invalidate(token, what)

    def field(self, token: Token) -> dict[str, str]:
        """Return the field with a token."""
        return {self._injection.name.decode(): self._injection.content(token.value).decode()}

    def _returned(self, refused: str, what: Hashable, now: float) -> Token | None:
        """Return the token at hand if it is the one that was refused; any other is an old one, and costs nothing."""
        token = self._source.current()
        if token is None or refused not in self.field(token).values():
            return None
        if self._unreturned.take_back(token, what):
            self._source.replay_refused(token, what)
        for other, since in self._unreturned.kept(token, now):  # now, for where it is doubted they are believed
            self._source.accepted(token, other, since)
        return token


def offers(routes: Iterable[Route], sources: Mapping[str, TokenSource]) -> dict[str, Offer]:
    """Return what can be handed out, by name: each credential as the first route sends it that does so in a field."""
    found: dict[str, Offer] = {}
    for route in routes:
        name, injection = route.credential, route.injection
        if name is not None and name not in found and injection.place is Place.FIELD:
            found[name] = Offer(sources[name], injection)
    return found
