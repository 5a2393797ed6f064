"""The gateway as it is shipped: a package, installed on an optimized Python by `make peers`."""

import functools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
HOME = CHECKOUT / ".bench" / "gateway"
PYTHON, PROGRAM = HOME / "bin" / "python", HOME / "bin" / "iam-proxy"
# It is started within the checkout, and is to import what is installed.
ALONE = ("env", "-u", "PYTHONPATH", "PYTHONSAFEPATH=1")
ANOTHER = PYTHON.resolve() != Path(sys.executable).resolve()  # than the Python that measures
FLAGS = ("CONFIG_ARGS", "PY_CFLAGS_NODIST", "PY_LDFLAGS_NODIST")
# `make profile-opt` needs no option of configure; its flags differ between GCC and Clang (CPython: Makefile.pre.in).
SIGNS = {"PGO": ("--enable-optimizations", "-fprofile-use", "-fprofile-instr-use"), "LTO": ("--with-lto", "-flto")}
ASK = "import json, platform, sysconfig; print(json.dumps([platform.python_version(), sysconfig.get_config_vars()]))"


@functools.cache
def program() -> tuple[str, ...]:
    """Return what `iam-proxy` is started with; ends with a line that says what to do if it is not this checkout's."""
    if wrong := mistake(HOME, CHECKOUT):
        sys.exit(f"{wrong}: make peers")
    return (*ALONE, str(PROGRAM))


def mistake(home: Path, checkout: Path) -> str | None:
    """Return what is wrong with the gateway that is installed in an environment, if it is not the checkout's."""
    if not (home / "bin" / "iam-proxy").exists():
        return f"no gateway is installed in {home}"
    package = Path(said(home / "bin" / "python", "import proxy; print(proxy.__file__)")).parent
    if not package.resolve().is_relative_to(home.resolve()):
        return f"the gateway in {home} imports {package}"
    if contents(package) != contents(checkout / "proxy"):
        return f"the gateway in {home} is not that of {checkout}"
    return None


def said(python: Path, script: str) -> str:
    """Return what a script prints in a Python that imports only what is installed with it."""
    command = [*ALONE, str(python), "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the files of a package by their places in it, but for bytecode."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(folder): file.read_bytes() for file in files}


def told(python: Path) -> str:
    """Return the version of a Python, and how it was built."""
    version, facts = json.loads(said(python, ASK))
    return f"{version} ({built(facts)})"


def built(facts: Mapping[str, object]) -> str:
    """Return whether a Python was built with profile-guided and link-time optimization, by what its sysconfig says.

    Debian takes these flags out of it, PGO_PROF_USE_FLAG among them, which configure leaves in every other: where that
    is empty, flags that are missing say nothing.
    """
    flags = " ".join(str(facts.get(name) or "") for name in FLAGS)
    missing = "no" if facts.get("PGO_PROF_USE_FLAG") else "not told"
    return ", ".join(
        f"{name}: {'yes' if any(sign in flags for sign in signs) else missing}" for name, signs in SIGNS.items()
    )
