"""A refusal that a new token does not mend costs no login per request."""

from proxy.core.doubt import REMEMBERED, TRIAL, Doubt
from proxy.core.token import Token


def token() -> Token:
    """Return a token; they are told apart by identity."""
    return Token("abc", 1e9, 1e9)


def doubting(current: Token, now: float = 0.0) -> Doubt:
    """Return a doubt that a refused replay has raised."""
    doubt = Doubt()
    assert doubt.replay_refused(current, "a", now)
    return doubt


def test_refusals_are_believed_at_first() -> None:
    """Any number of them, without a record of what accepts the tokens."""
    doubt = Doubt()
    assert all(doubt.believes(token(), "a", now, may_login=True) for now in range(10))
    assert not doubt.doubtful
    assert doubt.wait == 0


def test_a_refused_replay_raises_doubt_for_a_minute_then_two() -> None:
    """One refusal is believed each time that the backoff has passed."""
    current = token()
    doubt = doubting(current)
    assert doubt.doubtful
    assert not doubt.believes(current, "a", 59.9, may_login=True)
    assert doubt.believes(current, "a", 60.0, may_login=True)
    newer = token()
    assert not doubt.believes(newer, "a", 60.1, may_login=True)
    assert doubt.replay_refused(newer, "a", 61.0)
    assert doubt.wait == 120
    assert not doubt.believes(newer, "a", 180.9, may_login=True)
    assert doubt.believes(newer, "a", 181.0, may_login=True)


def test_many_replays_with_one_token_count_once() -> None:
    """However many, and whenever they are refused."""
    current = token()
    doubt = doubting(current)
    assert not any(doubt.replay_refused(current, what, now) for now, what in enumerate("abcdef"))
    assert doubt.wait == 60


def test_what_accepted_the_very_token_is_believed_and_ends_the_doubt() -> None:
    """What accepted another token is not, and what never accepted one is not either."""
    old, current = token(), token()
    doubt = doubting(old)
    doubt.accepted(old, "b")
    doubt.accepted(old, "c")
    assert not doubt.believes(current, "b", 1.0, may_login=True)
    doubt.accepted(current, "b")
    assert not doubt.believes(current, "c", 1.0, may_login=True)
    assert not doubt.believes(current, "a", 1.0, may_login=True)
    assert doubt.believes(current, "b", 1.0, may_login=True)
    assert not doubt.doubtful


def test_a_replay_refused_by_what_had_accepted_the_token_ends_the_doubt_too() -> None:
    """The token died in between."""
    old, current = token(), token()
    doubt = doubting(old)
    doubt.accepted(current, "b")
    assert not doubt.replay_refused(current, "b", 1.0)
    assert not doubt.doubtful


def test_the_one_refusal_is_not_spent_where_no_login_may_start() -> None:
    """A doubtful refusal does not cost the others a token that nothing can replace."""
    current = token()
    doubt = doubting(current)
    assert not doubt.believes(current, "a", 100.0, may_login=False)
    assert doubt.believes(current, "a", 101.0, may_login=True)


def test_memory_is_bounded() -> None:
    """Of more than that many acceptances the oldest are forgotten."""
    current = token()
    doubt = doubting(current)
    for number in range(REMEMBERED + 1):
        doubt.accepted(current, number)
    assert len(doubt._accepted_by) == REMEMBERED
    assert not doubt.believes(current, 0, 1.0, may_login=True)
    assert doubt.believes(current, REMEMBERED, 1.0, may_login=True)


def test_a_trial_that_nothing_ended_is_over_after_a_minute() -> None:
    """Refusals are plainly believed again, whether or not a login may start."""
    current, doubt = token(), Doubt()
    doubt.replaced(current, 0.0)
    assert doubt.believes(current, "b", TRIAL, may_login=False)


def test_a_token_that_replaces_a_refused_one_is_on_trial_until_something_accepts_it() -> None:
    """For a minute at most."""
    current, doubt = token(), Doubt()
    doubt.replaced(current, 0.0)
    assert doubt.doubtful
    assert doubt.on_trial(current, TRIAL - 1)
    assert not doubt.on_trial(token(), 0.0)
    assert not doubt.on_trial(current, TRIAL)
    doubt.accepted(current, "b")
    assert not doubt.on_trial(current, 1.0)
    assert not doubt.doubtful


def test_a_refused_replay_ends_the_trial() -> None:
    """What was feared has come."""
    current, doubt = token(), Doubt()
    doubt.replaced(current, 0.0)
    doubt.replay_refused(current, "a", 1.0)
    assert not doubt.on_trial(current, 2.0)
