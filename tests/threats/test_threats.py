"""docs/threat-model.md and what is taken out by it belong together; and without its defences tests fail."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from tests.threats.page import ROOT, row, rows
from tests.threats.removal import Removal, StaleError
from tests.threats.removals import REMOVALS
from tests.threats.scratch import Told, changed, run
from tests.threats.trial import WATCHED, Verdict, judged

ROWS = rows()
NAMES = [each.name for each in ROWS]
# How long all rows may take, in seconds: twenty times what one takes for each two, and the start.
ALL = 570.0


def test_each_row_has_its_removal() -> None:
    """And each removal its row; no name stands for two."""
    assert sorted(NAMES) == sorted(REMOVALS)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_removal_fits_the_code(name: str) -> None:
    """Its text occurs once in the file of the row, and what is left compiles: StaleError says which does not."""
    (place,) = [each.place for each in ROWS if each.name == name]
    text = (ROOT / place).read_text(encoding="utf-8")
    assert REMOVALS[name].applied(text, place) != text


def test_each_test_is_there() -> None:
    """Pytest finds all that the page names."""
    tests = sorted({each.test for each in ROWS})
    words = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "--collect-only", "-q", *tests]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own tests
    assert done.returncode == 0, done.stdout[-2000:]
    assert all(test in done.stdout for test in tests)


def test_nothing_is_left_to_chance() -> None:
    """What is drawn anew in each run may miss a defence that is gone: no row leans on it."""
    for each in ROWS:
        file, _, name = each.test.partition("::")
        test = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
        assert not is_hypothesis_test(test), each.test


def test_a_file_is_called_by_its_name() -> None:
    """The text of each link is the end of its path."""
    for line in (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            assert row(line).place.endswith(line.partition("| [`")[2].partition("`]")[0])


# --- the trial itself
@pytest.mark.parametrize(
    ("old", "words"),
    [("missing", "occurs 0 times in a.py"), ("a = 1", "occurs 2 times in a.py"), ("b = 2", "without the defence a.py")],
)
def test_a_removal_that_does_not_fit(old: str, words: str) -> None:
    """It is said why: gone, no longer alone, or what is left is no Python."""
    with pytest.raises(StaleError, match=words):
        Removal(old, "b = (").applied("a = 1\na = 1\nb = 2\n", "a.py")


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (Told(1, failures=(("test_a", "AssertionError: assert 200 == 403"),)), Verdict.NOTICED),
        (Told(1, failures=(("test_a", "assert [] == [1]"),)), Verdict.NOTICED),
        (Told(1, failures=(("test_a", "Failed: DID NOT RAISE <class 'ValueError'>"),)), Verdict.NOTICED),
        (Told(0), Verdict.SURVIVED),
        (Told(None), Verdict.BROKEN),
        (Told(1, failures=(("test_a", "TypeError: 'NoneType' object is not callable"),)), Verdict.BROKEN),
        (Told(1, failures=(("test_a", "TimeoutError"),)), Verdict.BROKEN),
        (Told(1, errors=(("test_a", "failed on setup"),)), Verdict.BROKEN),
        (Told(1, (("test_a", "assert 1 == 2"),), (("test_a", "failed on teardown"),)), Verdict.BROKEN),
        (Told(1, (("test_a", "assert 1 == 2"),), (("test_a", WATCHED),)), Verdict.NOTICED),
        (Told(1, errors=(("test_a", WATCHED),)), Verdict.BROKEN),
        (Told(2, errors=(("", "collection failure"),)), Verdict.BROKEN),
        (Told(4), Verdict.BROKEN),
        (Told(5), Verdict.BROKEN),
    ],
)
def test_what_counts_as_noticed(told: Told, verdict: Verdict) -> None:
    """A test that ran, and found otherwise what it asserts; nothing else."""
    assert judged(told)[0] is verdict


TESTS = """\
import pytest
import subject

@pytest.fixture
def broken():
    raise OSError("no such thing")

def test_asserts():
    assert subject.ANSWER == 42

def test_fails_before_it_asserts(broken):
    pass
"""


def test_a_run_tells_failures_from_errors(tmp_path: Path) -> None:
    """In a copy where one text is another; the original stays as it was."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "subject.py").write_text("ANSWER = 42\n")
    (project / "test_subject.py").write_text(TESTS)
    assert run(project, ["test_subject.py::test_asserts"], 60).code == 0
    with changed(project, "subject.py", "ANSWER = 41\n") as copy:
        told = run(copy, ["test_subject.py"], 60)
    assert told.code == 1
    assert told.failures == (("test_asserts", "assert 41 == 42"),)
    assert told.errors == (("test_fails_before_it_asserts", 'failed on setup with "OSError: no such thing"'),)
    assert (project / "subject.py").read_text() == "ANSWER = 42\n"


def test_a_run_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """And tells nothing; here it is given no time at all."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    assert run(tmp_path, ["test_it.py"], 0) == Told(None)


@pytest.mark.long
def test_no_defence_goes_unmissed(capfd: pytest.CaptureFixture[str]) -> None:
    """Each is taken out of a copy of the code, and its test fails: `make mutate`, with a line for each."""
    with capfd.disabled():
        done = subprocess.run([sys.executable, "-m", "tests.threats"], cwd=ROOT, timeout=ALL, check=False)
    assert done.returncode == 0
