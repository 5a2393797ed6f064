"""Thousands of seeds: whatever a platform, a network, clients and clocks do, the promises hold."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import pytest

from tests.conftest import TOLD
from tests.simulation.scenario import FAULTS, REQUESTS
from tests.simulation.summary import Summary, loaded
from tests.simulation.world import run

Note = Callable[[str, object], None]


def started(*arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start the command that people run; without coverage, which would take twice the time and tell nothing new."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")} | more
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603  ourselves


def told(process: "subprocess.Popen[str]") -> str:
    """Return what a process says until its end."""
    with process:
        said, _ = process.communicate()
    return said


def summary(first: int, count: int) -> Summary:
    """Run seeds on all cores."""
    cores = os.cpu_count() or 1
    starts = [first + count * core // cores for core in range(cores + 1)]
    shares = [(start, end - start) for start, end in pairwise(starts)]
    running = [started(str(start), str(share), "--json") for start, share in shares]
    return reduce(Summary.__add__, (loaded(told(process)) for process in running))


def look(found: Summary, seeds: int, record_property: Note) -> None:
    """Have the counts printed, and see that nothing failed and that all of them were run."""
    record_property(TOLD, f"simulation: {found}")
    again = [f"python -m tests.simulation {seed} --verbose: {broken}" for seed, broken in found.failed.items()]
    assert not again, "\n".join(again)
    assert found.seeds == seeds
    assert found.requests >= seeds * REQUESTS
    assert found.faults.total() >= seeds * FAULTS


def test_2000_seeds(record_property: Note) -> None:
    """Each with at least 50 requests and 3 faults, on virtual time."""
    look(summary(0, 2_000), 2_000, record_property)


@pytest.mark.long
def test_10000_seeds(record_property: Note) -> None:
    """Others than those that are always run."""
    look(summary(1_000_000, 10_000), 10_000, record_property)


@pytest.mark.no_cover  # as above
@pytest.mark.parametrize("seed", [3, 14, 159])
def test_a_seed_has_one_history(seed: int) -> None:
    """Two runs of a seed are the same to the last event."""
    assert run(seed).history.digest() == run(seed).history.digest()


def test_a_seed_has_one_history_in_every_process() -> None:
    """What the command shows depends on nothing but the seed, not on addresses or on the hashes of strings."""
    first, second = (started("26", "--verbose", PYTHONHASHSEED=hashes) for hashes in ("1", "2"))
    history = told(first)
    assert history == told(second)
    assert "client asks" in history
