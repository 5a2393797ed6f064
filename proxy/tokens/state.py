"""What there is to tell about a credential's token, without the token."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.core.token import Phase
from proxy.core.token_events import Outcome, Reason


@dataclass(slots=True)
class Record:
    """The logins so far, as they are counted."""

    outcome: Outcome | None = None
    cause: str = ""
    finished_at: float | None = None
    logins: Counter[Outcome] = field(default_factory=Counter)
    refreshes: Counter[Reason] = field(default_factory=Counter)

    def count(self, outcome: Outcome, now: float, cause: str = "") -> None:
        """Count a login that ended at `now`."""
        self.outcome, self.finished_at, self.cause = outcome, now, cause
        self.logins[outcome] += 1


@dataclass(frozen=True, slots=True)
class TokenState:
    """A snapshot for status and metrics; times are seconds on the clock that the source was given.

    `phase` and `expires_at` are None without a token. `outcome`, `cause` and `finished_at` are those of the last
    login: None and empty before the first. `next_attempt` is when the next login is due; None while one is in flight
    and after the end. `refreshes` counts the logins that gave a token, by what they were for.
    """

    credential: str
    phase: Phase | None
    expires_at: float | None
    next_attempt: float | None
    outcome: Outcome | None
    cause: str
    finished_at: float | None
    logins: Mapping[Outcome, int]
    refreshes: Mapping[Reason, int]

    @property
    def live(self) -> bool:
        """Whether there is a token that can be used."""
        return self.phase in {Phase.FRESH, Phase.STALE}
