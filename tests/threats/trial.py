"""The trial of a page of defences: all there, every test passes; one gone, its own fails."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic

from tests.canary.watch import FOUND
from tests.threats.page import Row
from tests.threats.removal import StaleError
from tests.threats.removals import REMOVALS
from tests.threats.scratch import Told, changed, run

# A test takes a second or two, one that starts processes some more; one that waits for its own limit of 60 s
# (tests/conftest.py) has noticed nothing by itself.
SECONDS = 45.0
# All tests of the page once, in one go.
ALL_SECONDS = 300.0
# At a time: tests wait more than they work, and the least machine that this is run on has two cores.
BESIDE = 2
# How the first words of a failure begin where something was looked at and found otherwise (pytest.raises: "Failed").
LOOKED_AT = ("AssertionError", "assert ", "Failed: DID NOT RAISE")

# What the watch over every test (tests/conftest.py) may find beside that.
WATCHED = f'failed on teardown with "AssertionError: {FOUND}'


class Verdict(StrEnum):
    """What became of one row."""

    NOTICED = "ok"  # the test failed, by what it asserts
    SURVIVED = "SURVIVED"  # the test passed: nothing holds this row
    BROKEN = "broken"  # neither: the removal is stale, breaks more than the defence, or hangs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row, why, and how long it took in seconds."""

    row: Row
    verdict: Verdict
    why: str
    took: float


def faults(original: Path, rows: Sequence[Row]) -> list[str]:
    """Run the tests of all rows in a copy where nothing is missing; return what is wrong, nothing where all pass."""
    told = run(original, sorted({row.test for row in rows}), ALL_SECONDS)
    if told.code == 0:
        return []
    return [f"{test}: {words}" for test, words in told.failures + told.errors] or [ended(told)]


def outcomes(original: Path, rows: Sequence[Row]) -> Iterator[Outcome]:
    """Try each row, some at a time; yield what became of them, in order."""
    with ThreadPoolExecutor(BESIDE) as pool:
        yield from pool.map(lambda row: tried(original, row), rows)


def tried(original: Path, row: Row) -> Outcome:
    """Take one defence out of a copy of the copy, and run its test there."""
    began = monotonic()
    try:
        text = REMOVALS[row.name].applied((original / row.place).read_text(encoding="utf-8"), row.place)
    except StaleError as error:
        return Outcome(row, Verdict.BROKEN, str(error), monotonic() - began)
    with changed(original, row.place, text) as copy:
        verdict, why = judged(run(copy, [row.test], SECONDS, "-x"))
    return Outcome(row, verdict, why, monotonic() - began)


def judged(told: Told) -> tuple[Verdict, str]:
    """Return what a run without a defence says of its test."""
    if told.code == 0:
        return Verdict.SURVIVED, "the test passes without it"
    errors = [words for _, words in told.errors if not words.startswith(WATCHED)]
    if told.code != 1 or errors or not told.failures:
        return Verdict.BROKEN, errors[0] if errors else ended(told)
    words = told.failures[0][1]
    return (Verdict.NOTICED if words.startswith(LOOKED_AT) else Verdict.BROKEN), words


def ended(told: Told) -> str:
    """Return how a run ended that tells of no test."""
    return "it was not over in time" if told.code is None else f"pytest ended with {told.code}"
