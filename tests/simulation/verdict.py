"""What must hold at the end."""

import asyncio
from itertools import pairwise

from proxy.core.backoff import BUDGET, PROBE_INTERVAL, REFRESH_INTERVAL, WINDOW
from proxy.core.token_events import LoginSucceeded, Reason
from tests.simulation.answers import Judge
from tests.simulation.asked import Asked
from tests.simulation.checks import Checks
from tests.simulation.gateway import Running
from tests.simulation.history import History
from tests.simulation.origin import Origin
from tests.simulation.platform import Attempt, Platform
from tests.simulation.scenario import FAULTS, REQUESTS, Scenario

NEAR = 1e-6
# What was cancelled or closed needs some turns of the loop to end.
TURNS = 10
# How long a client takes to read and send at its slowest, in seconds.
SLOWEST = 20.0
NOBODY = (lambda: None).__code__


def at_rest(running: Running, origin: Origin, history: History) -> None:
    """See that a gateway without clients holds nothing but what lies idle."""
    pool = running.pool
    if running.gateway.in_flight or len(running.clients):
        history.broke("nothing is in flight without clients", running.gateway.in_flight, len(running.clients))
    open_now = sum(not (end.gone or end.is_closing()) for end in origin.gateways_ends)
    if not pool.open == pool.idle == open_now or pool._waiting:
        history.broke("a pool at rest counts what it has", repr(pool), open_now)


async def left_behind(running: Running, history: History) -> None:
    """See that a gateway that has stopped holds nothing."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    pool = running.pool
    tasks = [
        task for task in asyncio.all_tasks() if "/proxy/" in getattr(task.get_coro(), "cr_code", NOBODY).co_filename
    ]
    if tasks:
        history.broke("nothing is left behind", *map(str, tasks))
    if running.gateway.in_flight or pool.open or pool._waiting or running.wire.sweep.watched:
        history.broke("a stopped gateway holds nothing", repr(pool), running.gateway.in_flight)


def judge(scenario: Scenario, checks: Checks, platform: Platform, origin: Origin, history: History) -> None:
    """Look at everything that has happened."""
    if len(checks.asked) < REQUESTS or history.faults.total() < FAULTS:
        history.broke("a run has requests and faults enough", len(checks.asked), history.faults.total())
    if origin.conversations or not all(end.gone for end in origin.gateways_ends):
        history.broke("no connection is left", len(origin.conversations))
    judge_answers = Judge(scenario, checks, history)
    for asked in checks.asked.values():
        twice(asked, history)
        judge_answers.judge(asked)
    bounded(scenario, checks, history)
    for number in range(len(checks.gateways)):
        logins(number, checks, [each for each in platform.attempts if each.gateway == number], history)


def bounded(scenario: Scenario, checks: Checks, history: History) -> None:
    """Every exchange ends: two logins, two ways to the origin and back, three silences and a slow client at most."""
    times = scenario.timeouts
    bound = 2 * (scenario.login_timeout + times.connect + times.response) + 3 * times.idle + SLOWEST
    for fact in checks.finished:
        if fact.duration > bound:
            history.broke("every request ends in bounded time", fact.target.decode(), fact.duration, bound)


def twice(asked: Asked, history: History) -> None:
    """An origin answers a request at most twice, the second time behind a refusal; others are sent once."""
    plan, arrivals = asked.plan, asked.arrivals
    if "excess" in asked.trouble:
        return  # what came too much may have passed for a refusal
    answered = [arrival for arrival in arrivals if arrival.answered]
    if len(answered) > 2 or (len(answered) == 2 and not answered[0].refused):
        history.broke("an origin answers a request twice at most", f"n={plan.number}")
    safe = plan.method in {"GET", "HEAD", "OPTIONS"} and not plan.size
    if not safe and len(arrivals) > 1 + (len(arrivals) > 0 and arrivals[0].refused):
        history.broke("what is not safe is sent once, and once more behind a refusal", f"n={plan.number}")


def logins(number: int, checks: Checks, attempts: list[Attempt], history: History) -> None:
    """The budget of one gateway: what failed or was caused by a refusal, refreshes, wrong keys."""
    events = checks.gateways[number].events
    free = {at - event.duration: event.reason for at, event in events if isinstance(event, LoginSucceeded)}
    starts = [attempt.at for attempt in attempts]
    counted = [at for at in starts if free.get(at, Reason.REFUSAL) is Reason.REFUSAL]
    for first, later in zip(counted, counted[BUDGET:], strict=False):
        if later < first + WINDOW - NEAR:
            history.broke("the login budget holds", f"gateway={number} {first} {later}")
    for before, attempt in pairwise(attempts):
        if free.get(attempt.at) not in {None, Reason.REFUSAL} and attempt.at < before.at + REFRESH_INTERVAL - NEAR:
            history.broke("one refresh a second", f"gateway={number} {before.at} {attempt.at}")
        if before.outcome == "rejected" and before.keys == attempt.keys and attempt.at < before.at + PROBE_INTERVAL:
            history.broke("rejected keys are probed slowly", f"gateway={number} {before.at} {attempt.at}")
