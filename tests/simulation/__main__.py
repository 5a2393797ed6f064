"""Run one seed, or COUNT from it on: python -m tests.simulation SEED [COUNT] [--verbose] [--json]."""

import argparse
import sys

from tests.simulation.summary import Summary
from tests.simulation.world import run


def main() -> int:
    """Run, print, and return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--verbose", action="store_true", help="show what happened, in virtual seconds")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    asked = parser.parse_args()
    summary = Summary()
    for seed in range(asked.seed, asked.seed + asked.count):
        report = run(seed)
        summary.add(report)
        lines = report.history.lines() if asked.verbose else []
        if not asked.json:
            lines += [f"seed {seed}: {broken}" for broken in report.broken]
        sys.stdout.writelines(line + "\n" for line in lines)
    sys.stdout.write(f"{summary.dump() if asked.json else summary}\n")
    return 1 if summary.failed else 0


sys.exit(main())
