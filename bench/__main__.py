"""Measure the gateway beside other proxies: `make bench`, or `make bench-quick`."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import idle
import report
import scale
import shipped
from cases import CASES, FEW, ROUNDS
from exchanges import NoAnswer, WrongAnswer
from goals import GOALS, cell
from measure import Found, run, say
from peers import INSTALLED, PEERS, QUICK
from processes import needed
from stage import REST, CannotRun, WrongBody, stage

FILES = 65_536  # open files: enough for 10,000 connections, and no tables as large as the machine allows
OTHERS = ("start", "idle", "routes", "connections")  # what is no load of all
LONGEST = 36 * 60  # seconds until the last part begins; none takes four minutes
SAVED = INSTALLED / "figures.json"


def prepare() -> None:
    """Keep to the other core, allow many connections, and see that the gateway is there."""
    needed("nginx", "wrk", "taskset")
    if (os.cpu_count() or 1) < 2:  # noqa: PLR2004  one for the proxy, one for the rest
        sys.exit("needs two cores")
    os.sched_setaffinity(0, {REST})
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, FILES), most))
    shipped.program()


def measured(names: set[str], rounds: int | None, *, quick: bool) -> Found:
    """Run what is named; what has not begun when the time is over is left out."""
    peers = [peer for peer in PEERS if not quick or peer.name in QUICK]
    found, until = Found(), time.monotonic() + LONGEST
    with stage() as at:
        parts: dict[str, Callable[[], None]] = {
            case.name: partial(run, at, replace(case, rounds=rounds or case.rounds), peers, found) for case in CASES
        }
        parts |= {
            "start": partial(idle.starts, at, peers, found, rounds or ROUNDS),
            "idle": partial(idle.idle, at, peers, found, rounds or FEW),
            "routes": partial(scale.routes, at, found, rounds or ROUNDS),
            "connections": partial(scale.connections, at, found, rounds or ROUNDS),
        }
        for name in sorted(names, key=[*parts].index):
            if time.monotonic() > until:
                found.leave_out(name, "everybody", "the time was over")
            else:
                parts[name]()
    return found


def show(found: Found) -> None:
    """Print medians with their spread, and the goals that they answer."""
    for measure, by_peer in found.figures.items():
        print(f"\n{measure}")
        for name, values in by_peer.items():
            print(f"  {name:<26} {cell(values)}")
    print()
    for goal in GOALS:
        if values := goal.values(found.figures):
            print(f"{goal.title:<44} {cell(values):<24} {goal.met(values).strip('*')}")


def main() -> None:
    """Parse the command line, measure, and write."""
    every = [*(case.name for case in CASES), *OTHERS]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)}; 1 KB; writes nothing")
    parser.add_argument(
        "--only", nargs="+", choices=every, metavar="CASE", help=f"of {', '.join(every)}; writes nothing"
    )
    parser.add_argument("--rounds", type=int, help=f"of every case (default: {ROUNDS}, {FEW} of what takes long)")
    parser.add_argument("--render", action="store_true", help="write the page again from the last full run")
    options = parser.parse_args()
    if options.render:
        saved = json.loads(SAVED.read_text())
        report.write(Found(saved["figures"], saved["left_out"]), saved["facts"], saved["minutes"])
        return
    prepare()
    say(f"the gateway's Python: {shipped.told(shipped.PYTHON)}")
    began = time.monotonic()
    names = set(options.only or (["1k", "1k-tls"] if options.quick else every))
    try:
        found = measured(names, options.rounds, quick=options.quick)
    except (CannotRun, WrongAnswer, NoAnswer, WrongBody) as wrong:
        sys.exit(f"{type(wrong).__name__}: {wrong}")
    minutes = (time.monotonic() - began) / 60
    show(found)
    say(f"{minutes:.1f} minutes")
    if not options.quick and not options.only:
        facts = report.machine(PEERS)
        INSTALLED.mkdir(exist_ok=True)
        SAVED.write_text(json.dumps({**vars(found), "facts": facts, "minutes": minutes}, indent=1))
        report.write(found, facts, minutes)


if __name__ == "__main__":
    main()
