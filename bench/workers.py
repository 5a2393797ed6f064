"""CPU per request of two workers beside one process, in one run. `python bench/workers.py [--rounds N]`."""

import argparse
import tempfile
import time
from pathlib import Path

from cpu import load, row
from processes import ORIGIN, end, free_port, gateway, needed, nginx, until_open


def measure(folder: Path, rounds: int) -> None:
    """Run everything and print the table; both have the same core, so what differs is what sharing costs."""
    (folder / "www").mkdir()
    (folder / "www" / "1k").write_bytes(bytes(1024))
    origin, one, two = (free_port() for _ in range(3))
    processes = [
        nginx(folder, "origin", ORIGIN.format(port=origin, folder=folder), core=1),
        gateway(origin, one, core=0),
        gateway(origin, two, core=0, workers=2),
    ]
    try:
        for port in (origin, one, two):
            until_open(port)
        time.sleep(4)  # the workers are there
        figures: dict[str, list[float]] = {"one process": [], "two workers": []}
        for _ in range(rounds):
            for (name, values), port, process in zip(figures.items(), (one, two), processes[1:], strict=True):
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
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # nginx serves as another user
        measure(Path(folder), rounds)


if __name__ == "__main__":
    main()
