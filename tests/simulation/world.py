"""One run: a seed's world from its beginning to its end, and what was found."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from proxy.core.token_events import Outcome
from tests.simulation.checks import Checks
from tests.simulation.client import Client
from tests.simulation.clocks import Clocks
from tests.simulation.gateway import Running
from tests.simulation.history import History
from tests.simulation.line import Line
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import begin, joined
from tests.simulation.origin import Origin
from tests.simulation.peer import Peer
from tests.simulation.platform import Keys, Platform
from tests.simulation.scenario import Scenario, Strike, Window, scenario
from tests.simulation.verdict import at_rest, judge, left_behind

# A login, an answer that does not come, a client that has vanished behind it: when everybody has gone it takes so long,
# in seconds, until all of that is over.
REST = 40.0
# A login that has once refused good keys is probed every 900 s: so long may it take until a token is there again.
RECOVERS, LOOK = 950.0, 5.0
# A token that lives no longer may have died between two looks, or on its way where `Date` hides a second of its life.
FLEETING = 2.0
# No run goes on for longer than this, in virtual seconds: something hangs.
LIMIT = 20_000.0


@dataclass
class Report:
    """What became of a run. `broken` says which promises were, and where."""

    seed: int
    requests: int
    logins: int
    replays: int
    faults: Counter[str]
    broken: list[str]
    history: History


class World:
    """Everything there is."""

    def __init__(self, loop: VirtualLoop, scenario: Scenario) -> None:
        self.loop = loop
        self.scenario = scenario
        self.history = history = History(loop)
        self.clocks = Clocks(loop, scenario.skew)
        self.keys = Keys()
        chance = scenario.chance
        self.line = Line(chance, scenario.latency, scenario.window, scenario.read, scenario.rough)
        self.platform = Platform(loop, self.clocks, history, chance, scenario.lives, scenario.login_timeout)
        self.platform.takes = scenario.login_takes
        self.checks = Checks(loop, self.platform, history)
        self.origin = Origin(loop, self.line, self.platform, history, self.checks)
        self.origin.forbidden = scenario.forbidden
        self.running = self._new_gateway()
        self._restarts: set[asyncio.Task[None]] = set()
        self._ports = 50_000

    def _new_gateway(self) -> Running:
        return Running(self.loop, self.scenario, self.origin, self.platform, self.keys, self.clocks, self.checks)

    def connect(self) -> Peer | None:
        """Connect a client; None where nobody listens."""
        running = self.running
        if not running.listening:
            return None
        self._ports += 1
        near, far = joined(self.loop, self.line, ("127.0.0.1", 8080), ("127.0.0.1", self._ports))
        peer = Peer(self.loop, running.number)
        begin(far, peer)
        begin(near, running.accept())
        return peer

    # --- the run
    async def run(self) -> None:
        """Let it all happen, then see that nothing is left."""
        scenario, loop = self.scenario, self.loop
        for window in scenario.windows:
            loop.call_later(window.at, self._mood, window)
            loop.call_later(window.until, self._works)
        strikes = [loop.call_later(strike.at, self._strike, strike) for strike in scenario.strikes]
        self.running.start()
        clients = [Client(loop, visit, self.connect, self.checks, self.history) for visit in scenario.visits]
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*(client.run() for client in clients))
            await asyncio.sleep(max(0.0, scenario.length - (loop.time() - self.checks.began)) + REST)
            assert all(strike.when() <= loop.time() for strike in strikes)
            if self._restarts:
                await asyncio.wait(self._restarts)
            at_rest(self.running, self.origin, self.history)
            await self._recovered()
            await self.running.stop()
            await left_behind(self.running, self.history)
        self.origin.forget_muted()
        await asyncio.sleep(REST)

    async def _recovered(self) -> None:
        """Wait for a live token, with nobody asking; everything works again."""
        for _ in range(round(RECOVERS / LOOK)):
            state = self.running.source.state
            if (
                state.live or state.outcome is Outcome.SUCCEEDED
            ):  # some live for less than the second between two logins
                return
            await asyncio.sleep(LOOK)
        if self.scenario.lives.shortest > FLEETING:
            self.history.broke("the gateway recovers by itself")

    def _mood(self, window: Window) -> None:
        self.platform.mood = window.mood
        self.history.note("the login is " + window.mood)

    def _works(self) -> None:
        self.platform.mood = "works"
        self.history.note("the login works")

    # --- misfortunes
    def _strike(self, strike: Strike) -> None:
        """Let a misfortune strike; those that may find nobody take note of themselves when they do."""
        value = strike.value
        match strike.kind:
            case "mute":
                self.origin.mute()
            case "close idle":
                self.origin.close_idle()
            case "refuse dials":
                self.origin.refuses = self.loop.time() + min(value, 5.0)
            case "hang dials":
                self.origin.hangs = self.loop.time() + min(value, 5.0)
            case _:
                self.history.fault(strike.kind, value)
                self._befall(strike)

    def _befall(self, strike: Strike) -> None:
        value = strike.value
        match strike.kind:
            case "revoke":
                self.platform.revoke()
            case "sleep":
                self.clocks.sleep(value)
            case "step":
                self.clocks.step(value if self.scenario.chance.random() < 0.5 else -value)
                self.platform.stepped()
            case "rotate":
                self._rotate()
            case "wrong keys":
                self._wrong_keys(min(value, 30.0))
            case _:
                self._restart(strike)

    def _rotate(self) -> None:
        """Give the gateway a new secret, and let the old one go."""
        self.keys.number += 1
        self.platform.accepted = {self.keys.number}

    def _wrong_keys(self, seconds: float) -> None:
        """Delete the key at the platform; the operator puts another one in its place after a while."""
        self.platform.accepted = set()
        self.loop.call_later(seconds, self._rotate)

    def _restart(self, strike: Strike) -> None:
        """Stop the gateway, at once or in good order, and start another; unless one is being replaced."""
        if not self._restarts:
            task = self.loop.create_task(self._replaced(strike))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _replaced(self, strike: Strike) -> None:
        before = self.running
        await (before.stop() if strike.kind == "restart" else before.drain(min(strike.value, 10.0)))
        await left_behind(before, self.history)
        await asyncio.sleep(self.scenario.chance.random())
        self.running = self._new_gateway()
        self.running.start()


def run(seed: int) -> Report:
    """Run a seed's world."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        world = World(loop, scenario(seed))
        history = world.history
        try:
            runner.run(world.run())
        except Exception as error:  # noqa: BLE001  a hang is a finding like any other
            history.broke("everything ends", f"{type(error).__name__}: {error}")
        else:
            judge(world.scenario, world.checks, world.platform, world.origin, history)
            left = [str(task) for task in asyncio.all_tasks(loop)] + loop.pending()
            if left:
                history.broke("nothing is left behind", *left)
        history.broken.extend(loop.faults)
    return Report(
        seed,
        len(world.checks.asked),
        len(world.platform.attempts),
        sum(fact.replay is not None for fact in world.checks.finished),
        history.faults,
        history.broken,
        history,
    )
