"""Cases, and the running of them: all proxies of a case are up together and are loaded in turn, round by round."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from exchanges import NoAnswer, WrongAnswer
from load import Load
from peers import Peer
from stage import CannotRun, Running, Stage, Way, WrongBody


@dataclass(frozen=True)
class Case:
    """One load of all who can take it."""

    name: str
    title: str
    way: Way
    load: Load
    rounds: int
    seconds: float = 2.0
    beside: tuple[Peer, ...] = ()  # peers of this case alone


@dataclass
class Found:
    """What a run has found: figures of all rounds by measure, then peer; and who was left out, and why."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, measure: str, peer: str, value: float) -> None:
        """Add the figure of one round."""
        self.figures.setdefault(measure, {}).setdefault(peer, []).append(value)

    def leave_out(self, what: str, peer: str, reason: object) -> None:
        """Say that a peer takes no part in something."""
        self.left_out[f"{peer}, {what}"] = str(reason)
        say(f"{peer} is left out of {what}: {reason}")


def say(line: str) -> None:
    """Tell how far it is."""
    print(f"  {line}", flush=True)


def run(stage: Stage, case: Case, peers: Sequence[Peer], found: Found) -> None:
    """Run one case: all up, a round to warm up, then the rounds that count."""
    with contextlib.ExitStack() as stack:
        up = []
        for peer in (*(each for each in peers if each.logs or not case.way.logged), *case.beside):
            try:
                up.append(stack.enter_context(stage.running(peer, case.way)))
            except CannotRun as reason:
                found.leave_out(case.title, peer.name, reason)
            except WrongBody as wrong:
                raise SystemExit(f"{peer.name}, {case.title}: {wrong}") from wrong
        for running in up:
            loaded(stage, case, running, 1)
        for number in range(case.rounds):
            for running in turned(up, number):
                for name, value in loaded(stage, case, running, case.seconds).items():
                    found.add(f"{case.name}.{name}", running.peer.name, value)
                    say(f"{case.title}, round {number + 1} of {case.rounds}: {running.peer.name} {name} {value:.1f}")
        for running in up:
            found.add(f"{case.name}.resident", running.peer.name, running.resident() / 1024)


def turned(up: list[Running], number: int) -> list[Running]:
    """Return them in the order of one round, so that nobody always follows the same one."""
    at = number % len(up) if up else 0
    return up[at:] + up[:at]


def loaded(stage: Stage, case: Case, running: Running, seconds: float) -> dict[str, float]:
    """Load one proxy; a wrong answer ends the run."""
    try:
        return case.load(stage, running, seconds)
    except (WrongAnswer, NoAnswer, WrongBody, OSError) as wrong:
        said = (running.place.folder / "output.log").read_text(errors="replace")[-500:]
        raise SystemExit(f"{running.peer.name}, {case.title}: {type(wrong).__name__}: {wrong}\n{said}") from wrong
