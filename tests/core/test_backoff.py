"""No fault makes the gateway hammer a login."""

import math

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.backoff import (
    BUDGET,
    LOGIN_BACKOFF,
    PROBE_INTERVAL,
    REFUSAL_BACKOFF,
    WINDOW,
    Backoff,
    LoginBudget,
    Pace,
)


def delays(backoff: Backoff, count: int, random: float = 0.0) -> list[float]:
    """Return the delays of so many failures in a row."""
    found = []
    for _ in range(count):
        backoff = backoff.failed()
        found.append(backoff.delay(random))
    return found


def test_the_login_backoff_doubles_from_a_second_to_five_minutes() -> None:
    """And stays there."""
    assert delays(LOGIN_BACKOFF, 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_the_refusal_backoff_doubles_from_a_minute_to_an_hour() -> None:
    """And stays there."""
    assert delays(REFUSAL_BACKOFF, 8) == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@given(st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_jitter_only_lengthens(failures: int, random: float) -> None:
    """By at most a quarter, after however many failures."""
    backoff = Backoff(1.0, 300.0, failures)
    assert backoff.delay() <= backoff.delay(random) <= backoff.delay() * 1.25


def test_without_a_failure_there_is_no_delay() -> None:
    """Not even a jittered one."""
    assert LOGIN_BACKOFF.delay(0.9) == 0


@given(st.lists(st.floats(0, 100), max_size=60))
def test_no_window_holds_more_than_the_budget(gaps: list[float]) -> None:
    """Whenever logins want to start: those that the budget lets start are at most six in any sixty seconds."""
    budget, now, starts = LoginBudget(), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if now >= budget.opens_at:
            budget = budget.charged(now)
            starts.append(now)
    assert all(later >= first + WINDOW for first, later in zip(starts, starts[BUDGET:], strict=False))


def test_the_budget_opens_when_the_oldest_is_a_minute_old() -> None:
    """Six fit at once; the seventh waits."""
    budget = LoginBudget()
    for at in range(6):
        assert budget.opens_at == -math.inf
        budget = budget.charged(float(at))
    assert budget.opens_at == 60
    assert budget.charged(60.0).opens_at == 61


def test_refreshes_at_the_end_of_a_lifetime_take_nothing_of_the_budget() -> None:
    """But there is at most one a second."""
    pace = Pace()
    for second in range(100):
        assert pace.next_login(refusal=False) <= second
        pace = pace.succeeded(float(second), refusal=False)
    assert pace.next_login(refusal=False) == 100
    assert pace.next_login(refusal=True) == -math.inf


def test_logins_caused_by_refusals_take_of_the_budget() -> None:
    """Also when they succeed: the seventh within a minute waits."""
    pace = Pace()
    for _ in range(6):
        pace = pace.succeeded(10.0, refusal=True)
    assert pace.next_login(refusal=True) == 70


def test_failures_take_of_the_budget_and_back_off() -> None:
    """From when they failed; a success ends the backoff, but gives nothing back."""
    pace = Pace().failed(10.0, 15.0, 0.0)
    assert pace.next_login(refusal=False) == 16
    pace = pace.failed(16.0, 16.0, 0.5)
    assert pace.next_login(refusal=True) == 18.25
    pace = pace.succeeded(20.0, refusal=False)
    assert pace.backoff.failures == 0
    assert len(pace.budget.charges) == 2


def test_refused_keys_leave_a_slow_probe() -> None:
    """Until they are forgiven, which does not refill the budget."""
    pace = Pace()
    for at in range(6):
        pace = pace.rejected(float(at), at + 0.5)
    assert pace.next_login(refusal=False) == 5.5 + PROBE_INTERVAL
    assert pace.forgiven().next_login(refusal=False) == 60
