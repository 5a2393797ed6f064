"""Take the defences of docs/threat-model.md out, all or those named: python -m tests.threats [ROW…] [--verbose]."""

import argparse
import sys
from time import monotonic

from tests.threats.page import rows
from tests.threats.scratch import copied
from tests.threats.trial import Outcome, Verdict, faults, outcomes


def main() -> int:
    """Try, print a line for each row, and return 1 where a defence was not missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.threats", description=__doc__)
    known = rows()
    parser.add_argument("row", nargs="*", help="names of rows; all, if none is given")
    parser.add_argument("--verbose", action="store_true", help="show how each test fails")
    asked = parser.parse_args()
    if unknown := set(asked.row) - {row.name for row in known}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    chosen = [row for row in known if not asked.row or row.name in asked.row]
    began = monotonic()
    with copied() as original:
        wrong = faults(original, chosen)
        if wrong:
            say(*wrong, "the tests fail with every defence in place, so they would prove nothing")
            return 1
        say(f"all tests pass with every defence in place ({monotonic() - began:.0f} s); now one is taken out at a time")
        noticed = 0
        for outcome in outcomes(original, chosen):
            say(line(outcome, verbose=asked.verbose))
            noticed += outcome.verdict is Verdict.NOTICED
    say(f"{len(chosen)} defences, {noticed} noticed ({monotonic() - began:.0f} s)")
    return 0 if noticed == len(chosen) else 1


def line(outcome: Outcome, *, verbose: bool) -> str:
    """Return what is printed of a row: why, where it did not go well."""
    row = outcome.row
    text = f"{outcome.verdict:<10}{row.name:<20}{outcome.took:>5.1f} s"
    if verbose or outcome.verdict is not Verdict.NOTICED:
        text += f"  {row.place}, {row.test}: {outcome.why}"
    return text


def say(*lines: str) -> None:
    """Print lines at once, however the output is read."""
    sys.stdout.writelines(f"{text}\n" for text in lines)
    sys.stdout.flush()


sys.exit(main())
