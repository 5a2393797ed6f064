"""What is told by those who give no token back."""

from proxy.core.unreturned import LONG_ENOUGH, REMEMBERED, Unreturned
from tests.fakes.tokens import token


def test_what_keeps_a_token_long_enough_has_accepted_it() -> None:
    """Told once, until it is given anew."""
    it, one = Unreturned(), token("one")
    it.give(one, "a", 10.0)
    it.give(one, "a", 12.0)  # what is refused may be the earlier
    assert it.kept(one, 10.0 + LONG_ENOUGH - 0.1) == []
    assert it.kept(one, 10.0 + LONG_ENOUGH) == [("a", 10.0)]
    assert it.kept(one, 100.0) == []
    it.give(one, "a", 100.0)
    assert it.kept(one, 200.0) == [("a", 100.0)]


def test_what_is_given_it_again_after_so_long_has_accepted_it() -> None:
    """Also if it is refused the second time: that is how a revocation begins."""
    it, one = Unreturned(), token("one")
    it.give_again(one, "a")
    it.give(one, "a", 10.0)
    it.give(one, "a", 10.0 + LONG_ENOUGH)
    assert not it.take_back(one, "a")
    assert it.kept(one, 1000.0) == [("a", 10.0)]


def test_what_gives_it_back_has_not() -> None:
    """However long it had it; others are not touched."""
    it, one = Unreturned(), token("one")
    it.give(one, "a", 10.0)
    it.give(one, "b", 10.0)
    assert not it.take_back(one, "a")
    assert it.kept(one, 100.0) == [("b", 10.0)]


def test_a_replay_that_is_refused_shows_with_the_next_refusal() -> None:
    """Of the same alone; and not where it has kept the token meanwhile."""
    it, one = Unreturned(), token("one")
    it.give_again(one, "a")
    assert not it.take_back(one, "b")
    it.give(one, "a", 10.0)
    assert it.take_back(one, "a")
    it.give(one, "a", 20.0)
    assert it.kept(one, 20.0 + LONG_ENOUGH) == [("a", 20.0)]
    assert not it.take_back(one, "a")


def test_a_replay_says_nothing_of_acceptance() -> None:
    """Nobody tells what becomes of it."""
    it, one = Unreturned(), token("one")
    it.give_again(one, "a")
    assert it.kept(one, 1000.0) == []


def test_another_token_is_a_new_beginning() -> None:
    """Also one with the same text."""
    it = Unreturned()
    it.give(token("one"), "a", 10.0)
    it.give_again(token("one"), "b")
    other = token("one")
    assert it.kept(other, 1000.0) == []
    assert not it.take_back(other, "b")


def test_it_is_bounded() -> None:
    """Whatever callers ask for."""
    it, one = Unreturned(), token("one")
    for number in range(3 * REMEMBERED):
        it.give(one, number, 0.0)
        it.give_again(one, number)
    assert len(it.kept(one, 1000.0)) == REMEMBERED
    assert len(it._replays) <= REMEMBERED
