"""Copies of the project in which something may be missing, and tests that are run there."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET  # what pytest writes here is its own

from tests.threats.page import ROOT

TREES = ("proxy", "tests", "docs", "examples")
FILES = ("*.md", "*.txt", "Makefile", "Dockerfile", ".dockerignore", "pyproject.toml", "config.example.toml", "LICENSE")
# A node_modules is larger than everything else together, and no row needs it.
LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__", ".*")


@dataclass(frozen=True, slots=True)
class Told:
    """What pytest told of a run: its exit code, None where it had to be ended, and the first line of each failure.

    They stand behind the name of their test. A failure is a test that came out otherwise than it should; an error is
    whatever kept one from being run.
    """

    code: int | None
    failures: tuple[tuple[str, str], ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """Make a copy of what tests need of the project, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="iam-proxy-threats-") as folder:
        copy = Path(folder) / "project"
        for tree in TREES:
            shutil.copytree(ROOT / tree, copy / tree, ignore=LEFT_OUT)
        for pattern in FILES:
            for file in ROOT.glob(pattern):
                shutil.copy2(file, copy)
        yield copy


@contextlib.contextmanager
def changed(original: Path, place: str, text: str) -> Iterator[Path]:
    """Make a copy of a copy in which one file has another text, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="iam-proxy-threats-") as folder:
        copy = shutil.copytree(original, Path(folder) / "project")
        (copy / place).write_text(text, encoding="utf-8")
        # What was compiled before might pass for it: Python compares seconds and sizes.
        shutil.rmtree((copy / place).parent / "__pycache__", ignore_errors=True)
        yield copy


def run(project: Path, tests: Sequence[str], seconds: float, *options: str) -> Told:
    """Run tests in a copy of the project, for so long at most."""
    report = project.parent / "report.xml"
    words = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--no-header"]
    words += [f"--basetemp={project.parent / 'files'}", f"--junitxml={report}", *options, *tests]
    # What the tests start is to be the copy as well, wherever they start it.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    environ["PYTHONPATH"] = str(project)
    process = subprocess.Popen(  # noqa: S603  our own tests
        words, cwd=project, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        code = process.wait(seconds)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # the group that was started here
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return Told(None)
        raise
    if not report.exists():
        return Told(code)
    suite = ET.parse(report).getroot()  # noqa: S314  as above
    return Told(code, words_of(suite, "failure"), words_of(suite, "error"))


def words_of(suite: ET.Element, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the first line of each failure, or error, behind the name of its test."""
    return tuple(
        (case.get("name", ""), found.get("message", "").partition("\n")[0])
        for case in suite.iter("testcase")
        for found in case.iter(kind)
    )
