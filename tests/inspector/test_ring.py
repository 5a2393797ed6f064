"""The last entries, and the beginnings of bodies."""

import gzip
import tracemalloc
import zlib

import pytest

from proxy.core.events import Finished
from proxy.inspector.entry import GIVEN_UP, NOTHING, Preview, Shed
from proxy.inspector.preview import LIMIT, NOT_SHOWN, Budget, Tap, preview
from proxy.inspector.ring import Ring
from tests.inspector.entries import entry

JSON, ZIP = [b"Content-Type: application/json\r\n"], [b"Content-Type: application/zip\r\n"]


def test_it_is_bounded_by_bytes() -> None:
    """The oldest go; the sum is that of what is left; one that is too large alone is not kept."""
    ring = Ring(most_bytes=100_000)
    for number in range(1, 101):
        ring.extend([entry(number=number, answer=bytes(10_000))])
    assert ring.size <= 100_000
    assert ring.size == sum(each.size for each in ring)
    assert [each.number for each in ring] == list(range(101 - len(ring), 101))
    ring.extend([entry(number=101, answer=bytes(200_000))])
    assert (len(ring), ring.size) == (0, 0)


def test_it_is_bounded_by_number_and_found_by_it() -> None:
    """What lies behind a number, and before one."""
    ring = Ring(most=10)
    for number in range(1, 21):
        ring.extend([entry(number=number)])
    assert [each.number for each in ring.since(18)] == [19, 20]
    assert [each.number for each in ring.since(0)] == list(range(11, 21))
    assert [each.number for each in ring.before(15, 3)] == [14, 13, 12]
    assert ring.get(10) is None
    assert ring.get(11) is not None
    ring.clear()
    assert (len(ring), ring.size, ring.cleared, ring.get(11)) == (0, 0, 1, None)


def test_its_count_is_what_the_memory_is() -> None:
    """Within a half of what Python has taken for it."""
    ring = Ring(most_bytes=8 * 1024 * 1024)
    tracemalloc.start()
    for number in range(20_000):
        lines = [b"X-%d: %b\r\n" % (each, b"v" * 30) for each in range(8)]
        ring.extend([entry(b"/%d" % number, number=number, lines=lines, answer=b"%d" % number * 100)])
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < ring.size * 1.5


def test_what_was_shed_becomes_an_entry_when_somebody_looks() -> None:
    """Among others, by its number, in its order; many come at once; what is not kept says so, where there was some."""
    ring = Ring(most=4)
    facts = [Finished("/", "POST", b"/%d" % each, "127.0.0.1", received=each % 2) for each in range(6)]
    ring.extend([entry(number=1), *(Shed(2 + each, 1.0, 0.5, facts[each], b"h") for each in range(3))])
    ring.extend([Shed(5, 1.0, 0.5, facts[3], b"h"), entry(number=6), Shed(7, 1.0, 0.5, facts[5], b"h")])
    assert [(each.number, each.shed) for each in ring] == [(4, True), (5, True), (6, False), (7, True)]
    assert [each.number for each in ring.since(5)] == [6, 7]
    assert [each.number for each in ring.before(7, 2)] == [6, 5]
    found, other = ring.get(5), ring.get(4)
    assert found is not None
    assert other is not None
    assert (found.fact, found.took, found.host, found.lines) == (facts[3], 0.5, b"h", ())
    assert (found.request, found.answer, other.request) == (GIVEN_UP, NOTHING, NOTHING)
    assert ring.get(3) is None
    assert ring.get(8) is None


def test_the_count_of_what_was_shed_is_what_the_memory_is() -> None:
    """Within a half, likewise; long targets count."""
    ring = Ring(most=50_000)
    tracemalloc.start()
    for number in range(20_000):
        fact = Finished("/", "GET", b"/%d" % number * 20, "127.0.0.1", f"{number:016x}", 200, duration=number / 7)
        ring.extend([Shed(number + 1000, number / 3, number / 9, fact, b"host:%d" % number)])
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert ring.size / 1.5 < taken < ring.size * 1.5


@pytest.mark.parametrize("size", [1, LIMIT - 1, LIMIT, LIMIT + 1, 5 * LIMIT])
@pytest.mark.parametrize("piece", [1000, 100_000])
def test_a_tap_notes_the_beginning_and_hands_everything_on(size: int, piece: int) -> None:
    """Whatever the pieces; more than the limit is known to be cut."""
    data, tap = bytes(each % 251 for each in range(size)), Tap(Budget(float))
    passed = [tap.next(data[at : at + piece], last=at + piece >= size) for at in range(0, size, piece)]
    assert b"".join(passed) == data
    assert (tap.data, tap.cut) == (data[:LIMIT], size > LIMIT)


def test_a_tap_notes_no_more_than_the_budget_has() -> None:
    """And nothing behind a gap; everything is handed on all the same."""
    now = [0.0]
    budget = Budget(lambda: now[0], at_once=10, lasting=10)
    tap = Tap(budget, b"begun ")
    assert [tap.next(piece, last=False) for piece in (b"more", b"and", b" more")] == [b"more", b"and", b" more"]
    assert (tap.data, tap.cut, budget.left) == (b"begun more", True, 0)
    now[0] = 1.0
    budget.refill()
    assert tap.next(b"end", last=True) == b"end"
    assert tap.data == b"begun more"


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        (b"gzip", gzip.compress(b"plain", mtime=0)),
        (b"deflate", zlib.compress(b"plain")),
        (b"deflate", zlib.compress(b"plain", wbits=-15)),
        (b"identity", b"plain"),
    ],
)
def test_a_coded_body_is_kept_without_its_coding(coding: bytes, coded: bytes) -> None:
    """Only so can it be looked through."""
    lines = [*JSON, b"content-encoding: " + coding + b"\r\n"]
    assert preview(coded, lines, whole=True) == Preview(b"plain")


def test_what_cannot_be_looked_through_is_not_kept() -> None:
    """Codings that nobody here knows, malformed ones, and a bomb beyond its beginning."""
    for coding, data in ((b"br", b"\x0b\x02\x80abc"), (b"gzip", b"no gzip"), (b"gzip, gzip", b"x")):
        kept = preview(data, [*JSON, b"Content-Encoding: " + coding + b"\r\n"], whole=True)
        assert (kept.data, kept.fault.startswith("not kept")) == (b"", True)
    bomb = preview(gzip.compress(bytes(20_000_000), mtime=0), [*JSON, b"Content-Encoding: gzip\r\n"], whole=True)
    assert (len(bomb.data), bomb.cut) == (LIMIT, True)


def test_what_nobody_looks_at_is_not_kept() -> None:
    """Large archives; little ones are; no body is nothing."""
    assert preview(bytes(100_000), ZIP, whole=True) is NOT_SHOWN
    assert preview(b"PK", ZIP, whole=True).data == b"PK"
    assert preview(b"", JSON, whole=True) is NOTHING


def test_what_is_looked_through_is_bounded() -> None:
    """After some rest much at once, then so much a second."""
    now = [0.0]
    bound = Budget(lambda: now[0], at_once=1000, lasting=100)
    assert [bound.grant(900), bound.grant(200)] == [900, 100]
    for at, left in ((1.0, 100), (1.5, 50), (1000.0, 1000)):
        now[0] = at
        bound.refill()
        assert bound.grant(2000) == left
