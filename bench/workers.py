"""CPU per request of two workers beside one process, in one run. `python bench/workers.py [--rounds N]`."""

import argparse
import time

from cpu import load, row
from processes import end, free_port, gateway, needed, until_open
from stage import stage


def measure(origin: int, rounds: int) -> None:
    """Run everything and print the table; both have the same core, so what differs is what sharing costs."""
    one, two = free_port(), free_port()
    processes = [gateway(origin, one, core=0), gateway(origin, two, core=0, workers=2)]
    try:
        for port in (one, two):
            until_open(port)
        time.sleep(4)  # the workers are there
        figures: dict[str, list[float]] = {"one process": [], "two workers": []}
        for _ in range(rounds):
            for (name, values), port, process in zip(figures.items(), (one, two), processes, strict=True):
                print(f"  {name} …", flush=True)
                values.append(load(port, process.pid, "/1k"))
    finally:
        for process in processes:
            end(process)
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}")
    for name, values in figures.items():
        print(row(f"CPU per 1 KB request, {name}", values, "µs"))
    ratios = [a / b for a, b in zip(figures["two workers"], figures["one process"], strict=True)]
    print(row("two workers / one process", ratios, "(goal: <= 1.1)"))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    needed("nginx", "wrk", "taskset")
    with stage() as at:
        measure(at.plain, rounds)


if __name__ == "__main__":
    main()
