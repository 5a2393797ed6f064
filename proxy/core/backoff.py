"""When the next login may start: backoff after failures, and a budget that no fault can exceed."""

import math
from dataclasses import dataclass, field, replace

# Jitter only lengthens: the time promised in Retry-After is never cut short.
JITTER = 0.25
# 2^32 first delays exceed every ceiling; without a limit the power would overflow after a thousand failures.
MAX_DOUBLINGS = 32
# interface.md, "Login budget".
BUDGET = 6
WINDOW = 60.0
REFRESH_INTERVAL = 1.0
# The platform suspends accounts by their failed attempts within an hour: four slow probes stay below any such limit.
PROBE_INTERVAL = 900.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """A delay in seconds that doubles with every failure, from `first` up to `ceiling`."""

    first: float
    ceiling: float
    failures: int = 0

    def failed(self) -> "Backoff":
        """Return the backoff after one more failure."""
        return replace(self, failures=self.failures + 1)

    def delay(self, random: float = 0.0) -> float:
        """Return the delay after the last failure, lengthened by up to a quarter; `random` in [0, 1)."""
        doublings = min(self.failures - 1, MAX_DOUBLINGS)
        return min(self.first * 2**doublings, self.ceiling) * (1 + JITTER * random) if self.failures else 0.0


# interface.md, "Login budget" and "What a refusal costs".
LOGIN_BACKOFF = Backoff(1.0, 300.0)
REFUSAL_BACKOFF = Backoff(60.0, 3600.0)


@dataclass(frozen=True, slots=True)
class LoginBudget:
    """At most BUDGET logins in any WINDOW: the failed ones and those that refusals caused, by their start."""

    charges: tuple[float, ...] = ()

    def charged(self, at: float) -> "LoginBudget":
        """Return the budget after a login that counts, started at `at`."""
        return LoginBudget((*self.charges, at)[-BUDGET:])

    @property
    def opens_at(self) -> float:
        """When one more login fits, whatever becomes of it."""
        return self.charges[0] + WINDOW if len(self.charges) == BUDGET else -math.inf


@dataclass(frozen=True, slots=True)
class Pace:
    """What the logins so far mean for the next one; all times in seconds on one clock.

    Any login may fail, so each needs room in the budget; one that succeeds at the end of a lifetime takes none of it.
    """

    backoff: Backoff = LOGIN_BACKOFF
    budget: LoginBudget = field(default_factory=LoginBudget)
    resume_at: float = -math.inf
    last_start: float = -math.inf

    def next_login(self, *, refusal: bool) -> float:
        """Return when the next login may start, one that a refusal causes or one at the end of a lifetime."""
        held = max(self.resume_at, self.budget.opens_at)
        return held if refusal else max(held, self.last_start + REFRESH_INTERVAL)

    def begun(self, started: float) -> "Pace":
        """Return the pace while a login is under way: whatever becomes of it, it has room."""
        return replace(self, budget=self.budget.charged(started), last_start=started)

    def succeeded(self, started: float, *, refusal: bool) -> "Pace":
        """Return the pace after a login that gave a token."""
        return Pace(budget=self.budget.charged(started) if refusal else self.budget, last_start=started)

    def failed(self, started: float, now: float, random: float) -> "Pace":
        """Return the pace after a login that failed at `now`; `random` in [0, 1)."""
        backoff = self.backoff.failed()
        return Pace(backoff, self.budget.charged(started), now + backoff.delay(random), started)

    def rejected(self, started: float, now: float) -> "Pace":
        """Return the pace after the keys were refused at `now`: a slow probe."""
        return Pace(self.backoff, self.budget.charged(started), now + PROBE_INTERVAL, started)

    def forgiven(self) -> "Pace":
        """Return the pace after the secrets have changed: no wait but the budget's."""
        return Pace(budget=self.budget, last_start=self.last_start)
