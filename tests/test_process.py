"""What a running gateway has asked of its system, in processes of their own."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy import process
from proxy.core.families import FAMILIES
from tests.admin.test_door import no_files
from tests.fakes.process import clean_environment

# Starts a command as `iam-proxy` would, under limits of our own choice; tells at its end what they have become.
STARTED = """
import atexit, ctypes, json, resource, sys
files, cores = json.loads(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, files)
resource.setrlimit(resource.RLIMIT_CORE, cores)
def tell():
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0  # PR_GET_DUMPABLE
    print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE), dumpable]))
atexit.register(tell)
from proxy.cli import main
main()
"""
ENVIRONMENT = {
    "IAM_PROXY_UPSTREAM": "http://127.0.0.1:9",
    "IAM_PROXY_APIKEY": "key",
    "IAM_PROXY_SECRETKEY": "secret",
    "IAM_PROXY_LISTEN": "127.0.0.1:0",
    "IAM_PROXY_ADMIN_LISTEN": "127.0.0.1:0",
}
HARD_CORES = resource.getrlimit(resource.RLIMIT_CORE)[1]


async def started(command: str, folder: Path, files: tuple[int, int]) -> tuple[str, list[object]]:
    """Run a command until it listens; return what it has logged by then, and what has become of its limits."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        STARTED,
        json.dumps([files, (HARD_CORES, HARD_CORES)]),
        command,
        cwd=folder,
        env=clean_environment(**ENVIRONMENT),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert running.stderr is not None
    log = ""
    try:
        while b"listening" not in (line := await running.stderr.readline()):
            assert line, log
            log += line.decode()
        running.terminate()
        printed, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    return log, json.loads(printed.splitlines()[-1])


async def test_a_gateway_dumps_no_core_and_may_open_all_files_that_it_can(tmp_path: Path) -> None:
    """The core limit is 0 and the process not dumpable; the soft limit of files is the hard one."""
    log, (files, cores, dumpable) = await started("run", tmp_path, (256, 20_000))
    assert (files, cores, dumpable) == ([20_000, 20_000], [0, HARD_CORES], 0)
    assert "too few open files" not in log


async def test_too_few_files_are_said_at_start(tmp_path: Path) -> None:
    """One line, with the numbers; what there are files for is accepted."""
    log, (files, _, _) = await started("run", tmp_path, (100, 1000))
    lines = [json.loads(line) for line in log.splitlines()]
    said = [line for line in lines if "too few open files" in line["event"]]
    assert [(line["level"], line["files"], line["wanted"], line["accepted"]) for line in said] == [
        ("warning", 1000, 10_000, 468)
    ]
    assert files == [1000, 1000]


@pytest.mark.parametrize("command", ["token", "check"])
def test_other_commands_dump_no_core_either(command: str, tmp_path: Path) -> None:
    """Every command hardens itself before it reads a secret."""
    words = [sys.executable, "-c", STARTED, json.dumps([(256, 1000), (HARD_CORES, HARD_CORES)]), command]
    done = subprocess.run(  # noqa: S603  our own program
        words,
        cwd=tmp_path,
        env=clean_environment(**ENVIRONMENT),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    _, cores, dumpable = json.loads(done.stdout.splitlines()[-1])
    assert (cores, dumpable) == ([0, HARD_CORES], 0)


def test_the_file_limit_is_never_lowered() -> None:
    """Raising it twice changes nothing, and what it says is what holds."""
    first = process.raise_file_limit()
    assert process.raise_file_limit() == first
    assert process.count(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) == first


def test_limits_of_the_system() -> None:
    """Without a limit there is no number to compare."""
    assert process.count(resource.RLIM_INFINITY) == float("inf")
    assert (process.limit(float("inf")), process.limit(5.0)) == (resource.RLIM_INFINITY, 5)


def test_figures_of_the_process() -> None:
    """Those that Prometheus' own clients have, and what they are."""
    first, second = process.figures(), process.figures()
    assert set(first) == {name for name in FAMILIES if name.startswith("process_")}
    value = {name: series[0][1] for name, series in first.items()}
    assert all(isinstance(each, (int, float)) and each > 0 for each in value.values())
    assert value["process_resident_memory_bytes"] < value["process_virtual_memory_bytes"]  # type: ignore[operator]  # numbers
    assert first["process_start_time_seconds"] == second["process_start_time_seconds"]


def test_when_the_process_began() -> None:
    """Not when it came to look; to the tick of the system's clock."""
    looked = "import time; began = time.time(); from proxy import process; print(began, process.STARTED)"
    before = time.time()
    done = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603  our own program
    told, started = map(float, done.stdout.split())
    assert before - 0.1 < started < told


def test_files_are_counted_as_they_open() -> None:
    """Each is one more; where none can be opened all are in use."""
    before = process.open_files()
    with Path(os.devnull).open(encoding="ascii"):
        assert process.open_files() == before + 1
    assert process.open_files() == before
    with no_files():
        assert process.open_files() == process.count(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
