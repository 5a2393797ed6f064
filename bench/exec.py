"""How long it takes to start: `exec -- true` and `run` to its first answer, beside `import aiohttp`, in one run.

The bundled platform runs beside as another process. On a machine that is shared with other work the CPU times and their
ratios are what says something. `python bench/exec.py [--rounds N]`.
"""

import argparse
import os
import subprocess
import sys
import time
import urllib.request

import shipped
from cpu import row
from processes import cpu, end, free_port, until_open

PROGRAM = shipped.program()
COMMANDS = {
    "import aiohttp": [*shipped.ALONE, str(shipped.PYTHON), "-c", "import aiohttp"],
    "exec -- true": [*PROGRAM, "exec", "--", "true"],
    "token --help": [*PROGRAM, "token", "--help"],
}
RUN = "run to its first answer"

Took = tuple[float, float]  # on the clock and of CPU, in seconds


def environment(platform: int, port: int) -> dict[str, str]:
    """Return what a gateway in front of the platform needs; its bytecode is kept, as where it is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "IAM_PROXY_UPSTREAM": f"http://127.0.0.1:{platform}",
        "IAM_PROXY_APIKEY": "demo-key",
        "IAM_PROXY_SECRETKEY": "demo-secret",
        "IAM_PROXY_LISTEN": f"127.0.0.1:{port}",
        "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0",
    }


def to_end(command: list[str], environ: dict[str, str]) -> Took:
    """Run a command to its end; return how long that took."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def to_first_answer(environ: dict[str, str], port: int) -> Took:
    """Start a gateway; return how long it took until it has answered a request."""
    began = time.perf_counter()
    process = subprocess.Popen([*PROGRAM, "run"], env=environ, stderr=subprocess.DEVNULL)
    try:
        until_open(port)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/qb/query", timeout=5).read()
        return time.perf_counter() - began, cpu(process.pid)
    finally:
        end(process)


def once(environ: dict[str, str], port: int) -> dict[str, Took]:
    """Start everything once."""
    found = {name: to_end(command, environ) for name, command in COMMANDS.items()}
    return {**found, RUN: to_first_answer(environ, port)}


def measure(platform: int, rounds: int) -> None:
    """Run everything and print the table."""
    port = free_port()
    environ = environment(platform, port)
    once(environ, port)  # for the bytecode, and the caches of the system
    figures = [once(environ, port) for _ in range(rounds)]
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}")
    for name in figures[0]:
        print(row(name, [each[name][0] for each in figures], "s"))
        print(row(f"  {name}, CPU", [each[name][1] for each in figures], "s"))
    for name in figures[0]:
        ratios = [each[name][1] / each["import aiohttp"][1] for each in figures]
        print(row(f"{name} / import", ratios, "of CPU"))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    platform = free_port()
    sandbox = subprocess.Popen([*PROGRAM, "sandbox", "--listen", f"127.0.0.1:{platform}"], stdout=subprocess.DEVNULL)
    try:
        until_open(platform)
        measure(platform, rounds)
    finally:
        end(sandbox)


if __name__ == "__main__":
    main()
