"""CPU per request beside nginx, in one run; start time and idle memory. `python bench/cpu.py [--rounds N]`."""

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from processes import ORIGIN, PROXY, cpu, end, free_port, gateway, needed, nginx, resident, until_open

CONNECTIONS, SECONDS = 32, 3


def load(port: int, pid: int, target: str) -> float:
    """Load a proxy for some seconds; return its CPU time per request, in µs."""
    before = cpu(pid)
    command = [
        "taskset",
        "-c",
        "1",
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        f"http://127.0.0.1:{port}{target}",
    ]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise SystemExit(f"wrong answers:\n{printed}")
    requests = int(re.search(r"(\d+) requests in", printed)[1])  # type: ignore[index]  # wrk always prints it
    return (cpu(pid) - before) / requests * 1e6


def row(name: str, values: list[float], unit: str) -> str:
    """Return a line with minimum, median and maximum."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:<34} {low:8.2f} {middle:8.2f} {high:8.2f}  {unit}"


def start_times(origin: int, runs: int) -> tuple[list[float], list[float]]:
    """Start the gateway several times; return how long until it accepts, and its idle memory."""
    took, memory = [], []
    for _ in range(runs):
        port = free_port()
        process = gateway(origin, port, core=0)
        took.append(until_open(port))
        time.sleep(1)
        memory.append(resident(process.pid))
        end(process)
    return took, memory


def measure(folder: Path, rounds: int) -> None:
    """Run everything and print the table."""
    (folder / "www").mkdir()
    (folder / "www" / "1k").write_bytes(bytes(1024))
    ports = origin, beside, ours, logged = [free_port() for _ in range(4)]
    processes = [
        nginx(folder, "origin", ORIGIN.format(port=origin, folder=folder), core=1),
        nginx(folder, "proxy", PROXY.format(port=beside, origin=origin), core=0),
        gateway(origin, ours, core=0),
        gateway(origin, logged, core=0, access=True),
    ]
    try:
        for port in ports:
            until_open(port)
        time.sleep(1)
        figures: dict[str, list[float]] = {"nginx": [], "iam-proxy": [], "iam-proxy, access log": []}
        for _ in range(rounds):
            for (name, values), port, process in zip(figures.items(), ports[1:], processes[1:], strict=True):
                print(f"  {name} …", flush=True)
                values.append(load(port, process.pid, "/1k"))
        took, memory = start_times(origin, rounds)
    finally:
        for process in processes:
            end(process)
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}")
    for name, values in figures.items():
        print(row(f"CPU per 1 KB request, {name}"[:34], values, "µs"))
    ratios = [a / b for a, b in zip(figures["iam-proxy"], figures["nginx"], strict=True)]
    logged_ratios = [a / b for a, b in zip(figures["iam-proxy, access log"], figures["iam-proxy"], strict=True)]
    print(row("iam-proxy / nginx", ratios, "(goal: <= 3)"))
    print(row("access log on / off", logged_ratios, ""))
    print(row("start until it accepts", took, "s (goal: <= 0.5)"))
    print(row("resident when idle", memory, "MB (goal: <= 60)"))


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
