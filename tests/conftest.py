"""How tests run: asynchronous ones each in a loop of its own, with nothing left on it; none of them tells a secret."""

import asyncio
import contextlib
import faulthandler
import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
import uvloop

from tests.canary.watch import FOUND, Watch

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# No test waits for longer than this, in seconds: a hang is a failure with a name. On a machine with others on it some
# that start processes or a browser have needed 60.
LIMIT = 120.0
LONG_LIMIT = 600.0
# What a test that was cancelled may take to clean up behind itself, in seconds; then its process ends.
CLEANUP = 30.0
# What a test notes about itself: a line to be printed at the end of the run, and how much of it was searched.
TOLD, SEARCHED = "told", "searched"
# The files that take longest, so that no processor waits for one of them at the end; the others keep their order.
FIRST = (
    "simulation/test_simulation.py",
    "simulation/test_numbers.py",
    "simulation/test_mutations.py",
    "inspector/test_page.py",
    "workers/test_processes.py",
    "canary/test_mistakes.py",
    "canary/test_commands.py",
    "canary/test_run.py",
    "test_cli.py",
    "intermediary/test_fuzz.py",
)
# By this a process that a test starts knows that it is to be measured.
MEASURED = "COVERAGE_PROCESS_CONFIG"
# What was cancelled or closed needs some turns of the loop to end.
TURNS = 100

# How long an example takes says nothing: others load the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function, on the loop that the fixture `loop_factory` gives, if there is one."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    factory = cast("LoopFactory | None", pyfuncitem.funcargs.get("loop_factory"))
    limit = LONG_LIMIT if pyfuncitem.get_closest_marker("long") else LIMIT
    with final(limit + CLEANUP), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(bounded(pyfuncitem.obj, wanted, limit))
    return True


@contextlib.contextmanager
def final(limit: float) -> Iterator[None]:
    """End this process where a test does not even end when it is cancelled: pytest-xdist says which test that was."""
    faulthandler.dump_traceback_later(limit, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


async def bounded(test: Callable[..., Coroutine[Any, Any, None]], wanted: dict[str, Any], limit: float) -> None:
    """Run a test to its end, within the limit, and see that it leaves no task behind."""
    async with asyncio.timeout(limit):
        await test(**wanted)
    for _ in range(TURNS):
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if not left:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"tasks left behind: {left}")


@cache
def turn(file: Path) -> int:
    """Return as which a file is to begin; those that are not named come last."""
    return next((at for at, first in enumerate(FIRST) if file.match(first)), len(FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; measure coverage on uvloop where a test runs on both loops.

    The gateway's code is the same on either, and the tracer is called for each call in asyncio's own Python as well: it
    makes such a test take two to five times as long.
    """
    items.sort(key=lambda item: turn(item.path))
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):  # noqa: SIM102  it has one or it has not
            if item.callspec.params.get("loop_factory") == "plain":
                item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure the processes that a test starts no more than the test itself."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover"):
            patch.delenv(MEASURED, raising=False)
        return (yield)


@pytest.fixture(params=["plain", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """Both loops, for a test (or a module, by `usefixtures`) that is to hold on either."""
    return uvloop.new_event_loop if request.param == "uvloop" else asyncio.SelectorEventLoop


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """See that nothing that a test's gateways say tells a secret that they were given."""
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        watch.listen(patch)
        yield watch
    request.node.user_properties.append((SEARCHED, watch.counts))
    assert watch.hits() == {}, FOUND


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests wanted told, and how much was searched for secrets: each hit has failed its test."""
    searched: Counter[str] = Counter()
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport) and report.when == "teardown":  # it has all that the test noted
            for name, value in report.user_properties:
                if name == SEARCHED and isinstance(value, dict):
                    searched.update(value)
                elif name == TOLD:
                    terminalreporter.write_line(str(value))
    terminalreporter.write_line("searched for secrets: " + ", ".join(f"{searched[what]} {what}" for what in searched))
