"""What real shells complete: commands, options, files, names of credentials."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.process import clean_environment
from tests.fakes.terminal import at_terminal

CONFIG = """
[credentials.main]
apikey = "k"
secretkey = { env = "NOT_SET" }
[credentials.other]
kind = "static"
token = { command = ["touch", "was-run"] }
"""
# Each without the settings of whoever runs the tests.
SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$(iam-proxy completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), 'autoload -U compinit; compinit -u -D; eval "$(iam-proxy completion zsh)"'),
}
# What stands behind a Tab, for what is typed before it.
COMPLETED = {
    "iam-proxy tok": "iam-proxy token",
    "iam-proxy comp": "iam-proxy completion",
    "iam-proxy completion f": "iam-proxy completion fish",
    "iam-proxy run --li": "iam-proxy run --listen",
    "iam-proxy init --secretkey-f": "iam-proxy init --secretkey-file",
    "iam-proxy run --config gate": "iam-proxy run --config gateway.toml",
    "iam-proxy exec -- ./rep": "iam-proxy exec -- ./report.py",
    "iam-proxy token ot": "iam-proxy token other",
    "iam-proxy token --config gateway.toml sta": "iam-proxy token --config gateway.toml staging",
}
# Shows what the shell takes a line for.
TOLD = """told() { printf '<%s>' "$@"; printf '<%s>' end; }"""
HOME, TAB, ENTER = "\x01", "\t", "\r"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files to complete."""
    (tmp_path / "iam-proxy.toml").write_text(CONFIG)
    (tmp_path / "gateway.toml").write_text('[credentials.staging]\napikey = "k"\nsecretkey = "s"\n')
    (tmp_path / "report.py").write_text("")
    return tmp_path


@pytest.mark.parametrize("name", SHELLS)
async def test_a_tab(name: str, folder: Path) -> None:
    """What is typed is completed as far as it is clear; no secret is read for it."""
    command, first = SHELLS[name]
    async with at_terminal(command, folder, {"PATH": PATH, "HOME": str(folder)}) as it:
        it.type(f"{TOLD}; {first}; told first{ENTER}")
        await it.until("<first><end>")
        for typed, completed in COMPLETED.items():
            it.type(f"{typed}{TAB}{HOME}told {ENTER}")
            await it.until("<end>")
            words = "".join(f"<{word}>" for word in completed.split())
            assert it.shown.endswith(words, 0, it.read_to - len("<end>")), (typed, it.shown)
    assert not (folder / "was-run").exists()


def test_fish(folder: Path) -> None:
    """The same candidates, each with its help."""
    for typed, completed in COMPLETED.items():
        done = subprocess.run(  # noqa: S603  what stands above
            ["fish", "--no-config", "-c", "iam-proxy completion fish | source; complete --do-complete $argv[1]", typed],  # noqa: S607  from PATH
            cwd=folder,
            env=clean_environment(PATH=PATH, HOME=str(folder)),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
        assert words == [completed.rpartition(" ")[2]], (typed, done)
    assert not (folder / "was-run").exists()
