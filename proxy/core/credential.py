"""A named set of secrets, how to get a token for them, and what means that the token is dead."""

from dataclasses import dataclass

from proxy.core.egress import Egress
from proxy.core.held import Held
from proxy.core.logout import Logout
from proxy.core.recipe import Recipe, facts
from proxy.core.secret import Secret
from proxy.core.token import Token


@dataclass(frozen=True, slots=True)
class Reject:
    """What means "this token is dead": a status and, when given, any of these texts in the decoded body."""

    status: int
    body: tuple[bytes, ...] = ()


# interface.md, "Which tokens are dead": a bare 403 means "no rights" on the platform.
DEFAULT_REJECT = (Reject(401), Reject(403, (b"Invalid token",)))
# What RFC 6750 §3.1 says of an invalid token; of other platforms nothing else is known.
UNAUTHORIZED = (Reject(401),)


@dataclass(frozen=True, slots=True)
class Verification:
    """How an https server is verified: with `ca_file` beside the system's authorities, or not at all."""

    ca_file: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Credential:
    """`[credentials.NAME]`, of whatever kind; times in seconds.

    `ttl` is the life of a token whose login does not tell. With `sliding` it counts from the last use. No token
    serves longer than `max_age`. `logout` ends a session that is no longer needed. `egress` is the way to both.
    """

    name: str
    recipe: Recipe | Held
    ttl: float = 3600.0
    sliding: bool = False
    max_age: float = 86_400.0
    login_timeout: float = 10.0
    verification: Verification = Verification()
    reject: tuple[Reject, ...] = DEFAULT_REJECT
    logout: Logout | None = None
    egress: Egress = Egress()

    @property
    def question(self) -> tuple[object, ...]:
        """What the login is asked, whatever the secrets are and wherever they come from.

        Of two configurations a credential with the same question is the same one: its token is good in both.
        """
        blank = {name: Secret("") for name in self.recipe.sources}
        asked = () if isinstance(self.recipe, Held) else facts(self.recipe, blank)
        return type(self.recipe), *sorted(blank), *asked

    def token(self, text: str, sent_at: float, lifetime: float | None, random: float, took: float = 0.0) -> Token:
        """Return the token of a login sent at `sent_at` that took so long; `lifetime` None: the login did not tell."""
        lifetime = self.ttl if lifetime is None else lifetime
        token = Token.issued(text, sent_at, lifetime, random, took=took, max_age=self.max_age)
        token.slides = self.ttl if self.sliding else 0.0
        return token
