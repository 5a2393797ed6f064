"""The platform and the two gateways of docs/recipes.md as processes, on free ports in place of those that it prints."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.ports import free_port
from tests.fakes.process import clean_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
BLOCKS: Mapping[tuple[str, str], str] = {
    (language, name): text for language, name, text in re.findall(r"```(\w+)(?: (\w+))?\n(.*?)```", PAGE, re.DOTALL)
}
PRINTED = re.compile(r"\b(?:8080|8090|9902|5173)\b")
BIN = Path(sys.executable).parent

# Waits until somebody listens on a port, as a person waits who pastes one block after the other.
WAIT = """
_wait() {
  for _ in $(seq 400); do
    (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return
    read -r -t 0.05 <> <(:) || :
  done
  return 1
}
"""


@dataclass(frozen=True)
class Stage:
    """Where the page runs: a folder, which is the home of whoever types, and a port for each that is printed."""

    folder: Path
    ports: Mapping[str, int]

    def here(self, text: str) -> str:
        """Return a text with the ports of this place."""
        return PRINTED.sub(lambda printed: str(self.ports[printed[0]]), text)

    def block(self, language: str, name: str = "") -> str:
        """Return a block of the page, with the ports of this place."""
        return self.here(BLOCKS[language, name])

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a person in this folder, without any proxy."""
        kept = {name: value for name, value in clean_environment().items() if not name.lower().endswith("_proxy")}
        return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder), "LC_ALL": "C", **more}

    def run(self, *command: str | Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(  # noqa: S603  the page's own
            command,
            cwd=self.folder,
            env=self.environ() if environ is None else environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    def succeed(self, *command: str | Path, environ: Mapping[str, str] | None = None) -> str:
        """Run a command that has to end well, and return what it printed."""
        ran = self.run(*command, environ=environ)
        assert ran.returncode == 0, f"{ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def sh(self, name: str) -> str:
        """Run a block of shell commands, each of which has to end well, and return what they printed."""
        return self.succeed("/bin/bash", "-eu", "-c", self.block("sh", name))

    @contextlib.contextmanager
    def started(self, text: str, *ports: int) -> Iterator[Path]:
        """Run commands that go on, wait until all ports are listened on, and end them. Yields what they write."""
        waits = "".join(f"_wait {port}\n" for port in ports)
        log = self.folder / f"log-{ports[-1]}"
        with log.open("w") as written:
            shell = subprocess.Popen(  # noqa: S603  the page's own
                ["/bin/bash", "-eu", "-c", f"{WAIT}{text}{waits}echo ready\nwait"],
                cwd=self.folder,
                env=self.environ(),
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
                start_new_session=True,
            )
        assert shell.stdout is not None
        try:
            while (line := shell.stdout.readline()) != "ready\n":
                assert line, log.read_text()
            yield log
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # the group that this test has started
            shell.communicate(timeout=30)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Run the platform, and both gateways in front of it."""
    stage = Stage(folder, {port: free_port() for port in ("8080", "8090", "9902", "5173", "front end")})
    quiet = "export IAM_PROXY__LOG__FORMAT=json\n"
    own = "export IAM_PROXY_ADMIN_LISTEN=\n"
    text = stage.block("sh", "platform") + stage.here("_wait 9902\n") + quiet + own
    text += stage.block("sh", "own") + stage.block("sh", "shared")
    with stage.started(text, stage.ports["8080"], stage.ports["8090"]):
        yield stage
