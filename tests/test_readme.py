"""The README's commands, run as they are printed."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.config import load
from tests.fakes.process import clean_environment

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks_of(page: str) -> Mapping[str, str]:
    """Return the scripts of a page by name."""
    return dict(re.findall(r"```sh (\w+)\n(.*?)```", page, re.DOTALL))


BLOCKS = blocks_of(README)

# A person pastes one line after the other; a script has to wait until what it has started listens.
WAIT = """
_port() { case "$1" in *sandbox*) echo 9902;; *) echo 8080;; esac; }
_wait() {
  for _ in $(seq 400); do
    (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return
    read -r -t 0.05 <> <(:) || :
  done
  return 1
}
"""


def script(*names: str, blocks: Mapping[str, str] = BLOCKS) -> str:
    """Return blocks of a page as one script, with a wait behind what keeps running."""
    lines = [WAIT]
    for line in "".join(blocks[name] for name in names).splitlines():
        lines.append(line)
        if line.endswith("&"):
            lines.append(f"_wait $(_port '{line}')")
    return "\n".join(lines)


def run(text: str, folder: Path) -> str:
    """Run a script in a folder and return its output; what it has started ends with it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = subprocess.Popen(  # noqa: S603  the README's own
        ["/bin/bash", "-eu", "-c", text],
        cwd=folder,
        env=clean_environment(PATH=path, VENV=sys.prefix),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        code = shell.wait(60)
    finally:
        os.killpg(shell.pid, signal.SIGTERM)  # the group that this test has started
        printed = shell.communicate(timeout=30)[0]
    assert code == 0, printed
    return printed


def test_the_blocks_are_there() -> None:
    """A renamed block is no reason to test nothing."""
    assert set(BLOCKS) == {"try", "sandbox", "sidecar", "legacy", "local"}


def test_the_two_commands() -> None:
    """`make run` and the curl line give a platform's answer without a key."""
    assert '{"success": true, "results": [{"region": "Brittany"' in run(script("try"), ROOT)


def test_the_session(tmp_path: Path) -> None:
    """Each line of the session prints what the README says it prints."""
    session = re.search(r"```console\n(.*?)```", README, re.DOTALL)
    assert session
    commands = re.findall(r"^\$ (.*)$", session[1], re.MULTILINE)
    expected = re.sub(r"^\$ .*\n", "", session[1], flags=re.MULTILINE)
    text = "\n".join([WAIT, "iam-proxy demo > log 2>&1 &", "_wait 8080", *(f"{command}\necho" for command in commands)])
    printed = [line for line in run(text, tmp_path).splitlines() if line]
    assert printed == expected.splitlines()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("sidecar", '"ready": true'),
        ("legacy", "row;region;sales"),
        ("local", '"target": "/echo/hello"'),
    ],
)
def test_the_recipes(name: str, part: str, tmp_path: Path) -> None:
    """Each works as printed."""
    assert part in run(script("sandbox", name), tmp_path)


def test_the_ten_lines(tmp_path: Path) -> None:
    """The configuration loads, and has ten lines."""
    found = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "iam-proxy.toml").write_text(found[1])
    (tmp_path / "secretkey").write_text("secret\n")
    (tmp_path / "secretkey").chmod(0o600)
    config = load(str(tmp_path / "iam-proxy.toml"), {"IAM_APIKEY": "key"})
    assert config.warnings == ()
    assert len(found[1].splitlines()) == 10
    assert tomllib.loads(found[1])["routes"][0]["credential"] == "main"
