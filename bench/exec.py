"""How long it takes to start: `exec -- true` and `run` to its first answer, beside `import aiohttp`, in one run.

The bundled platform runs beside as another process. `python bench/exec.py [--rounds N]`.
"""

import argparse
import os
import subprocess
import sys
import time
import urllib.request

from cpu import row
from processes import end, free_port, until_open

PROGRAM = [sys.executable, "-m", "proxy"]
NOTHING = [sys.executable, "-c", "import aiohttp"]


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


def to_end(command: list[str], environ: dict[str, str]) -> float:
    """Run a command to its end; return how long that took, in seconds."""
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def to_first_answer(environ: dict[str, str], port: int) -> float:
    """Start a gateway; return how long it took until it has answered a request, in seconds."""
    began = time.perf_counter()
    process = subprocess.Popen([*PROGRAM, "run"], env=environ, stderr=subprocess.DEVNULL)
    try:
        until_open(port)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/qb/query", timeout=5).read()
        return time.perf_counter() - began
    finally:
        end(process)


def measure(platform: int, rounds: int) -> None:
    """Run everything and print the table."""
    port = free_port()
    environ = environment(platform, port)
    ways = {
        "import aiohttp": lambda: to_end(NOTHING, environ),
        "exec -- true": lambda: to_end([*PROGRAM, "exec", "--", "true"], environ),
        "run to its first answer": lambda: to_first_answer(environ, port),
        "--help": lambda: to_end([*PROGRAM, "token", "--help"], environ),
    }
    for way in ways.values():
        way()  # once for the bytecode and the caches of the system
    figures = [[way() for way in ways.values()] for _ in range(rounds)]
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}")
    for place, name in enumerate(ways):
        print(row(name, [each[place] for each in figures], "s"))
    for place, name in list(enumerate(ways))[1:]:
        print(row(f"{name} / import aiohttp", [each[place] / each[0] for each in figures], ""))


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
