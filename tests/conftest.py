"""How tests run: asynchronous ones each in a loop of its own, with nothing left on it; none of them tells a secret."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from itertools import chain
from typing import Any, cast

import pytest
import uvloop

from tests.canary.watch import FOUND, Watch

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# No test waits for longer than this, in seconds: a hang is a failure with a name.
LIMIT = 60.0
LONG_LIMIT = 600.0
# What a test notes about itself: a line to be printed at the end of the run, and how much of it was searched.
TOLD, SEARCHED = "told", "searched"
# What was cancelled or closed needs some turns of the loop to end.
TURNS = 100


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function, on the loop that the fixture `loop_factory` gives, if there is one."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    factory = cast("LoopFactory | None", pyfuncitem.funcargs.get("loop_factory"))
    with asyncio.Runner(loop_factory=factory) as runner:
        limit = LONG_LIMIT if pyfuncitem.get_closest_marker("long") else LIMIT
        runner.run(bounded(pyfuncitem.obj, wanted, limit))
    return True


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
