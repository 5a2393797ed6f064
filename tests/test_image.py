"""The image's recipe, read as text: what can be seen of it without building it, as deploy/test_image_runs.py does."""

import json
import re
import tomllib
from pathlib import Path

from proxy import cli
from tests.fakes.dockerfile import context

ROOT = Path(__file__).parent.parent
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS = [line.split(maxsplit=1) for line in RECIPE.splitlines() if re.match(r"[A-Z]+ ", line)]


def steps(name: str) -> list[str]:
    """Return what stands behind each step of that name, in order."""
    return [rest for step, rest in STEPS if step == name]


def test_it_runs_as_nobody_in_particular() -> None:
    """By number, so that an orchestrator can see that it is not root; nothing is done as root behind it."""
    assert steps("USER") == ["65532:65532"]
    last = [step for step, _ in STEPS]
    assert not {"RUN", "COPY", "ADD"} & set(last[last.index("USER") :])


def test_its_commands_are_the_programs() -> None:
    """What it starts, and what its health check asks, are commands that there are."""
    start = json.loads(steps("ENTRYPOINT")[0]) + json.loads(steps("CMD")[0])
    health = json.loads(steps("HEALTHCHECK")[0].partition("CMD ")[2])
    assert (start, health) == (["iam-proxy", "run"], ["iam-proxy", "check", "--health"])
    assert {"run", "check"} <= set(cli.main.commands)
    assert "--health" in {option for parameter in cli.check.params for option in parameter.opts}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert "iam-proxy" in scripts


def test_nothing_comes_in_that_is_not_locked() -> None:
    """Each install is by hashes, or from nowhere but what was built here; the build fetches nothing for itself."""
    commands = [command for run in steps("RUN") for command in run.split("&&")]
    installs = [command for command in commands if "pip install" in command]
    assert len(installs) == 3
    assert all("--require-hashes" in command or "--no-index" in command for command in installs)
    assert all("--no-deps" in command for command in installs)
    assert ["--no-build-isolation --no-deps" in command for command in commands if "pip wheel" in command] == [True]


def test_no_more_than_what_it_needs_is_sent_to_the_builder() -> None:
    """Keys and configurations that lie beside the sources stay there."""
    sources = {word for copy in steps("COPY") if "--from" not in copy for word in copy.split()[:-1]}
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert let_in[0] == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == sources
    assert all((ROOT / source).exists() for source in sources)


def test_what_lies_beside_the_sources_stays_there(tmp_path: Path) -> None:
    """Of what is not let in, and of compiled files, nothing is copied, whatever is asked for."""
    for name in (
        ".dockerignore",
        "proxy/core/a.py",
        "proxy/core/__pycache__/a.pyc",
        "iam-proxy.toml",
        "deep/README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".dockerignore").write_bytes((ROOT / ".dockerignore").read_bytes())
    assert list(context(tmp_path, "proxy")) == [Path("proxy/core/a.py")]
    assert list(context(tmp_path, ".")) == [Path("proxy/core/a.py")]
    assert list(context(tmp_path, "iam-proxy.toml")) == []


def test_what_is_locked_has_hashes() -> None:
    """Every requirement of every lock file is one version with its hashes."""
    for file in ROOT.glob("requirements*.txt"):
        text = re.sub(r"^ *#.*\n", "", file.read_text(encoding="utf-8").replace("\\\n", " "), flags=re.MULTILINE)
        lines = [line for line in text.splitlines() if line.strip()]
        assert len(lines) > 3
        assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:", line)] == []


WHEEL = "--quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir $(BENCH)/dist ."


def test_make_installs_nothing_that_is_not_locked() -> None:
    """With pip by hashes, or nothing but what lies here; with npm what its own lock names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    locked = re.findall(r"^AS_LOCKED := (.*)$", makefile, re.MULTILINE)
    assert [{"--no-deps", "--require-hashes", "-r"} <= set(each.split()) for each in locked] == [True]
    installs = re.findall(r"(?:pip|\$\(INTO\) \S+) install (.*)", makefile)
    assert len(installs) == 10
    ours = "--no-build-isolation --no-deps --editable .", "--no-index --no-deps $(BENCH)/dist/*.whl"
    assert all("$(AS_LOCKED)" in each or any(each.endswith(one) for one in ours) for each in installs)
    assert re.findall(r"pip wheel (.*)", makefile) == [WHEEL]
    assert set(re.findall(r"npm --prefix \S+ (\S+)", makefile)) == {"ci", "update"}
