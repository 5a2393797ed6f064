"""Who is served and who goes first when there is not enough for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shares import OTHERS_FIRST, Fairness, Share, first_to_go, peer_of


def test_alone_a_peer_may_have_all_of_a_small_limit() -> None:
    """Nobody else was refused: the whole limit is for whoever asks."""
    fairness, share = Fairness(10), Share("a")
    for count in range(1, 11):
        share.in_flight = count
        assert fairness.admits(count, share, now=0)
    share.in_flight = 11
    assert not fairness.admits(11, share, now=0)
    share.in_flight = 10
    assert fairness.admits(10, share, now=0)  # being refused itself makes it no other


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (19, 19), (20, 19), (100, 95), (1000, 950)])
def test_a_twentieth_is_kept_for_others(limit: int, most: int) -> None:
    """One peer never has all of a larger limit, however long it is alone: another is served at once."""
    fairness = Fairness(limit)
    assert fairness.admits(most, Share("a", in_flight=most), now=0)
    assert not fairness.admits(most + 1, Share("a", in_flight=most + 1), now=0)
    assert fairness.admits(most + 1, Share("b", in_flight=1), now=0) is (most < limit)


def test_half_is_for_others_once_one_of_them_was_refused() -> None:
    """The greedy peer gets no more than half until nobody else has been refused for a while."""
    fairness, greedy, other = Fairness(10), Share("a", in_flight=10), Share("b", in_flight=1)
    assert not fairness.admits(11, other, now=0)
    greedy.in_flight = 6
    assert not fairness.admits(6, greedy, now=1)
    greedy.in_flight = 5
    assert fairness.admits(6, greedy, now=1)
    assert fairness.admits(7, Share("b", in_flight=2), now=1)
    greedy.in_flight = 6
    assert not fairness.admits(7, greedy, now=OTHERS_FIRST - 0.01)
    assert fairness.admits(7, greedy, now=OTHERS_FIRST)


def test_a_limit_of_one_shuts_nobody_out() -> None:
    """Half of one is one."""
    fairness = Fairness(1)
    assert not fairness.admits(2, Share("b", in_flight=1), now=0)
    assert fairness.admits(1, Share("a", in_flight=1), now=0)


@given(st.lists(st.sampled_from("abc"), max_size=200), st.integers(1, 20))
def test_two_peers_that_keep_asking_share(asked: list[str], limit: int) -> None:
    """Whatever the order: never more than the limit, and behind a refusal no greedy peer grows."""
    fairness, shares, refused = Fairness(limit), {name: Share(name) for name in "abc"}, False
    for name in asked:
        share, total = shares[name], sum(each.in_flight for each in shares.values())
        share.in_flight += 1
        if fairness.admits(total + 1, share, now=0):
            assert total < limit
            assert not refused or share.in_flight <= fairness.half
        else:
            refused = refused or share.in_flight <= fairness.half
            share.in_flight -= 1


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unix:", "unix:"),
    ],
)
def test_peers(address: str, peer: str) -> None:
    """A host may take any address of its IPv6 network; all of them are one peer."""
    assert peer_of(address) == peer


def test_the_peer_with_the_most_gives_first() -> None:
    """Until it has no more than the next; of one peer the longest idle."""
    a, b, c = Share("a", 5), Share("b", 3), Share("c", 1)
    idle = [("b1", b, 9.0), ("a1", a, 1.0), ("a2", a, 3.0), ("a3", a, 2.0), ("b2", b, 8.0), ("c1", c, 99.0)]
    assert first_to_go(idle, 4) == ["a2", "a3", "b1", "a1"]
    assert first_to_go(idle, 99) == ["a2", "a3", "b1", "a1", "b2", "c1"]
    assert first_to_go([], 4) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=40), st.integers(0, 5))
def test_the_order_is_that_of_one_by_one(idle: list[tuple[str, float]], busy: int) -> None:
    """Choosing many at once gives what choosing one after the other does."""
    shares = {name: Share(name, busy + sum(one[0] == name for one in idle)) for name in "abc"}
    numbered = {number: (shares[name], idle_for) for number, (name, idle_for) in enumerate(idle)}
    at_once = first_to_go([(number, *rest) for number, rest in numbered.items()], len(idle))
    for number in at_once:
        share, idle_for = numbered.pop(number)
        assert all(share.connections >= other.connections for other, _ in numbered.values())
        assert all(idle_for >= other_for for other, other_for in numbered.values() if other is share)
        share.connections -= 1
    assert not numbered
