"""Processes that are measured, the gateway among them, and what the kernel says of them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import shipped


def needed(*tools: str) -> None:
    """End with a line that says what to install, if any of the tools is missing."""
    missing = [tool for tool in tools if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        sys.exit(f"needs {' and '.join(missing)}: apt-get install {' '.join(missing)}")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def gateway(
    origin: int,
    port: int,
    core: int,
    *,
    access: bool = False,
    admin: int = 0,
    inspector: bool = False,
    workers: int = 1,
) -> "subprocess.Popen[bytes]":
    """Start the gateway in front of the origin, with all its features on but the access log and the inspector."""
    environ = {
        "IAM_PROXY_UPSTREAM": f"http://127.0.0.1:{origin}",
        "IAM_PROXY_APIKEY": "key",
        "IAM_PROXY_SECRETKEY": "secret",
        "IAM_PROXY_LISTEN": f"127.0.0.1:{port}",
        "IAM_PROXY_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "IAM_PROXY__ADMIN__INSPECTOR": "true" if inspector else "false",
        "IAM_PROXY__LOG__ACCESS": "true" if access else "false",
        "IAM_PROXY__SERVER__WORKERS": str(workers),
    }
    return pinned([*shipped.program(), "run"], core, environ)


def pinned(
    command: list[str], core: int, environ: dict[str, str] | None = None, says: Path = Path(os.devnull)
) -> "subprocess.Popen[bytes]":
    """Start a command on one core; what it says goes to a file."""
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    with says.open("ab") as output:
        return subprocess.Popen(
            ["taskset", "-c", str(core % (os.cpu_count() or 1)), *command],
            env={**os.environ, **path, **(environ or {})},
            stdout=output,
            stderr=output,
        )


def until_open(port: int, within: float = 30.0) -> float:
    """Wait until somebody listens, and return how long that took, in seconds."""
    began = time.perf_counter()
    while time.perf_counter() - began < within:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return time.perf_counter() - began
        time.sleep(0.002)
    sys.exit(f"nobody listens on port {port}")


def family(pid: int) -> Iterator[int]:
    """Return a process and those it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def cpu(pid: int) -> float:
    """Return the CPU time that a process and its children have had, from the kernel's run time, in seconds."""
    threads = [thread for each in family(pid) for thread in Path(f"/proc/{each}/task").iterdir()]
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that was started here."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
