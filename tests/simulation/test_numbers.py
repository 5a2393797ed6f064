"""The promises with numbers, each in a world of its own making: whole gateways under steady load, on virtual time."""

import asyncio
from dataclasses import dataclass
from random import Random

import pytest

from proxy.core.token_events import LoginSucceeded, Reason
from tests.simulation.asked import Asked
from tests.simulation.loop import VirtualLoop
from tests.simulation.origin import REFUSED
from tests.simulation.scenario import Act, Lives, Plan, Scenario, Strike, Visit, Window
from tests.simulation.world import World

# What is covered here is covered by the gateway's own tests; the tracer makes it take more than twice as long.
pytestmark = pytest.mark.no_cover

CLIENTS = 20  # that share the load


def steady(rate: float, seconds: float, path: str = "/qb/query", method: str = "GET", size: int = 0) -> list[Visit]:
    """Return visits that make so many requests a second, evenly, from a second after the beginning."""
    framing = "length" if size else "none"
    between = CLIENTS / rate
    visits = []
    for client in range(CLIENTS):
        numbers = range(client, round(rate * seconds), CLIENTS)
        acts = Act(size=10), Act(size=10)
        plans = [Plan(each, method, path, framing, size, http10=False, expects=False, acts=acts) for each in numbers]
        batches = tuple((between if count else 0.0, (plan,)) for count, plan in enumerate(plans))
        visits.append(Visit(1.0 + client / rate, batches, None, "end", 0.0, 0.0))
    return visits


def world(life: float, visits: list[Visit], **more: object) -> Scenario:
    """Return a scenario in which nothing goes wrong but what is said."""
    telling = str(more.pop("telling", "duration"))
    return Scenario(0, Random(0), Lives(life, life, telling, single=False), latency=0.001, visits=visits, **more)  # type: ignore[arg-type]


@dataclass
class Seen:
    """What became of a world: every request in the order of its sending, and the logins with their times."""

    asked: list[Asked]
    logins: list[float]
    broken: list[str]
    reasons: list[Reason]
    waits: list[float]

    @property
    def statuses(self) -> set[int]:
        """Every status that a client has got; 0 for none."""
        return {each.answer.status if each.answer else 0 for each in self.asked}


def seen(scenario: Scenario) -> Seen:
    """Run a world to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        made = World(loop, scenario)
        runner.run(made.run())
    began = made.checks.began
    events = [event for _, event in made.checks.gateways[0].events if isinstance(event, LoginSucceeded)]
    return Seen(
        sorted(made.checks.asked.values(), key=lambda each: each.sent),
        [each.at - began for each in made.platform.attempts],
        made.history.broken + loop.faults,
        [event.reason for event in events],
        made.checks.waits,
    )


def test_tokens_of_3_s_whose_logins_take_1_s_under_100_requests_a_second() -> None:
    """No request waits for a login, in a minute."""
    visits = steady(100, 60)
    late = [Visit(visit.at + 2.0, visit.batches, None, "end", 0.0, 0.0) for visit in visits]
    found = seen(world(3.0, late, login_takes=1.0))
    assert (found.statuses, found.waits, found.broken) == ({200}, [], [])
    assert 40 <= sum(at < 63.0 for at in found.logins) <= 47


def test_a_login_that_is_down_for_the_whole_soft_window() -> None:
    """Nobody fails before hard expiry; then 503 with Retry-After; back within one step of the backoff."""
    down = Window(70.0, 130.0, "500")
    found = seen(world(100.0, steady(10, 160), windows=[down]))
    assert found.broken == []
    failed = [each for each in found.asked if each.answer and each.answer.status == 503]
    assert {200, 503} == found.statuses
    began = found.asked[0].sent - 1.0
    assert min(each.sent for each in failed) >= began + 100.0 - 0.2
    for each in failed:
        assert each.answer is not None
        assert each.answer.code == "login_unavailable"
        assert 1 <= int(each.answer.fields[b"retry-after"]) <= 40
        assert each.arrivals == []  # nothing of it has reached the origin, with whatever token
    tried = [at for at in found.logins if at < 130.0]
    back = next(at for at in found.logins if at >= 130.0)
    assert back - tried[-1] <= 1.25 * 2 * (tried[-1] - tried[-2])
    assert max(each.sent for each in failed) <= began + back + 0.2


def test_a_permanent_401_at_100_requests_a_second() -> None:
    """Two logins in the first minute, the first one included; the origin's own answer reaches every client."""
    found = seen(world(3600.0, steady(100, 60, "/forbidden"), forbidden="/forbidden"))
    assert found.statuses == {401, 403}  # both are refusals, and this origin uses both
    assert sum(at < 60.0 for at in found.logins) == 2
    assert {each.answer.body for each in found.asked if each.answer} == {text for _, text in REFUSED}
    assert max(len(each.arrivals) for each in found.asked) == 2


@pytest.mark.parametrize("skew", [600.0, -600.0])
@pytest.mark.parametrize("telling", ["date", "epoch", "milliseconds"])
def test_a_clock_that_is_ten_minutes_off(skew: float, telling: str) -> None:
    """The first request is answered, and each behind it; tokens of five minutes are refreshed in time."""
    found = seen(world(300.0, steady(2, 400), skew=skew, telling=telling))
    assert (found.statuses, found.broken) == ({200}, [])
    assert set(found.reasons) == {Reason.START, Reason.AHEAD}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_eight_hours_of_sleep(method: str) -> None:
    """The machine wakes up, and the first request is answered, though its token died hours ago."""
    size = 500 if method == "POST" else 0
    night = Strike(30.0, "sleep", 8 * 3600.0)
    found = seen(world(3600.0, steady(20, 60, method=method, size=size), strikes=[night]))
    assert (found.statuses, found.broken) == ({200}, [])
    assert len(found.logins) == 2


def test_a_revoked_token_under_load() -> None:
    """One login; nobody sees a 401, and no request reaches the origin more than twice."""
    revoked = Strike(10.0, "revoke", 0.0)
    found = seen(world(3600.0, steady(500, 20), strikes=[revoked]))
    assert (found.statuses, len(found.logins), found.broken) == ({200}, 2, [])
    assert max(len(each.arrivals) for each in found.asked) == 2
