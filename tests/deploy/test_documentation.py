"""docs/operations.md: its table has every code, its ways are all there, its commands make what the manifests want."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import __version__
from proxy.admin.answers import NothingHere
from proxy.config import parts
from proxy.config.changes import AT_START
from proxy.core.families import FAMILIES
from proxy.errors import GatewayError, InternalError, StoreError
from proxy.tokens.store import Store, opened
from proxy.workers.channel import TELL_EVERY
from proxy.workers.crew import CUT_TIME, SILENT
from tests.deploy import manifests
from tests.fakes.process import clean_environment
from tests.fakes.redis import redis_server
from tests.test_lifecycle import running

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", PAGE, re.MULTILINE))
TABLE, OVERVIEW = "Symptom, cause, what to do", "Ways of running it"
WAYS = SECTIONS.keys() - {"When you are woken up", TABLE, OVERVIEW}
LIFE = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")

# Keeps what it is given, as files by the secret's name; any other command is done at once.
KUBECTL = """#!/bin/sh
case " $* " in *" create secret generic "*) ;; *) exit 0 ;; esac
while [ "$1" != generic ]; do shift; done
secret=$2
mkdir -p "$SECRETS/$secret"
for word; do
  case $word in --from-file=*) cp "${word#--from-file=}" "$SECRETS/$secret/" || exit 1 ;; esac
done
"""


def answers(kind: type[GatewayError] = GatewayError) -> Iterator[tuple[str, str]]:
    """Yield code and status of every answer that the gateway makes itself."""
    if kind.__module__ == NothingHere.__module__:  # the admin listener's own
        return
    if kind is InternalError or kind.code != InternalError.code:  # what has no code of its own is only a family
        yield kind.code, str(int(kind.status))
    for each in kind.__subclasses__():
        yield from answers(each)


def test_every_code_is_told() -> None:
    """Once, with each status that it comes with, a cause and something to do; and none that there is not."""
    rows = re.findall(r"^\| `(\w+)` \(([\d, ]+)\) \| (.+) \| (.+) \|$", SECTIONS[TABLE], re.MULTILINE)
    told = {code: set(statuses.split(", ")) for code, statuses, *_ in rows}
    assert len(told) == len(rows)
    made: dict[str, set[str]] = {}
    for code, status in answers():
        made.setdefault(code, set()).add(status)
    assert told == made


def test_what_the_log_says() -> None:
    """Each line of the log, each metric and each key that the table names is one of the program's."""
    without_code = SECTIONS[TABLE].partition("What has no code")[2]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "proxy").rglob("*.py"))
    lines = re.findall(r"`([a-z][a-z :,]+)` (?:in the log|at the start)", without_code)
    assert len(lines) >= 7
    assert [line for line in lines if line not in code] == []
    assert set(re.findall(r"`(iam_proxy_\w+)`", PAGE)) <= FAMILIES.keys()


def test_every_way_is_told() -> None:
    """Each says what to set, how to give it secrets, how to upgrade it and what to watch, and is found from the top."""
    assert len(WAYS) == 9
    for way in WAYS:
        assert re.findall(r"^- \*\*(\w+)\*\*", SECTIONS[way], re.MULTILINE) == ["Set", "Secrets", "Upgrade", "Watch"], (
            way
        )
    assert set(re.findall(r"\]\(#([\w-]+)\)", SECTIONS[OVERVIEW])) == set(map(anchor, WAYS))


def test_what_it_names_is_there() -> None:
    """Every file of deploy/ is linked, and the image's tag is this version."""
    assert set(re.findall(r"iam-proxy:(\d\S*)", PAGE)) == {__version__}
    linked = {Path(link).name for link in re.findall(r"\]\(\.\./deploy/(\S+)\)", PAGE)}
    assert {file.name for file in (ROOT / "deploy").rglob("*") if file.is_file()} - linked == {"kustomization.yaml"}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links(page: Path) -> None:
    """Each leads to a file that there is, and to a heading of it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", link):
            continue
        name, _, heading = link.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), link
        assert not heading or heading in headings(file), link


def headings(page: Path) -> set[str]:
    """Return what a page's headings are linked by."""
    return set(map(anchor, re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)))


def anchor(heading: str) -> str:
    """Return what a heading is linked by: small, without signs, with dashes for spaces."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


async def test_what_to_ask_when_woken_up(tmp_path: Path) -> None:
    """Each line has its answer from a gateway that runs: what is live, the last login, a new one, and a look around."""
    (block,) = re.findall(r"```sh look\n(.*?)```", PAGE, re.DOTALL)
    async with running(tmp_path) as it:
        words = block.replace("127.0.0.1:9901", it.admin).replace("curl ", "curl --silent --show-error --fail ")
        process = await asyncio.create_subprocess_exec(
            "/bin/bash",
            "-euc",
            words,
            cwd=tmp_path,
            env=clean_environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
            stdout=asyncio.subprocess.PIPE,
        )
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0, printed
        assert it.platform.logins >= 3  # at the start, asked for, and by the check
    assert '"ready": true' in printed
    assert printed.count('"live": true') == 2
    assert "login main" in printed


# --- from start to end
def test_what_takes_a_restart() -> None:
    """The page names the very keys that only a start reads."""
    (row,) = re.findall(r"^\| (.+) \| a restart, which a warning says \|$", LIFE, re.MULTILINE)
    assert set(re.findall(r"`(\w+\.\w+)`", row)) == AT_START


def test_times_that_the_pages_name() -> None:
    """They are those of the code."""
    assert (CUT_TIME, SILENT * TELL_EVERY) == (5, 30)
    for page in (PAGE, LIFE):
        assert re.search(r"5 s\s+(after|behind) `drain_timeout`", page)
    assert "after half a minute\n  without a word" in PAGE


# --- the Secrets
@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page's commands give to kubectl."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "kubectl").write_text(KUBECTL, encoding="utf-8")
    (folder / "kubectl").chmod(0o755)
    for name in ("apikey", "secretkey"):
        (folder / name).write_text("some-key", encoding="utf-8")
    blocks = [block for way in SECTIONS.values() for block in re.findall(r"```sh secrets\n(.*?)```", way, re.DOTALL)]
    assert len(blocks) == 2
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "SECRETS": str(folder / "made")}
    subprocess.run(["/bin/bash", "-eu", "-c", "".join(blocks)], cwd=folder, env=environ, check=True)  # noqa: S603  the page's own
    return folder / "made"


def wanted() -> Iterator[tuple[str, str]]:
    """Yield each Secret that a manifest refers to, and the key in it."""
    for workload in manifests.workloads():
        for container in manifests.containers(workload):
            for variable in container.get("env", []):
                reference = variable["valueFrom"]["secretKeyRef"]
                yield reference["name"], reference["key"]
        for volume in manifests.pod(workload)["spec"]["volumes"]:
            for item in volume.get("secret", {}).get("items", []):
                yield volume["secret"]["secretName"], item["key"]
    for workload, container in manifests.gateways():
        volumes = manifests.mounted(workload, container)
        for file in manifests.secret_files(manifests.text_of(workload, container)):
            yield volumes[str(file.parent)]["secret"]["secretName"], file.name


def test_the_secrets_are_those_of_the_manifests(made: Path) -> None:
    """Every Secret and every key that is referred to is made, and no other."""
    assert {(file.parent.name, file.name) for file in made.rglob("*") if file.is_file()} == set(wanted())


async def test_the_store_of_the_manifests(made: Path, tmp_path: Path) -> None:
    """A real Redis, started as by the manifest, with the page's users, keeps a token at the page's URL alone."""
    (container,) = manifests.containers(manifests.named("Deployment", "iam-proxy-redis"))
    secret = made / "iam-proxy-redis"
    here = {"/tmp": str(tmp_path), "/run/secrets/redis/users.acl": str(secret / "users.acl")}
    args = [here.get(word, word) for word in container["args"]]
    url = (secret / "store").read_text(encoding="utf-8")
    ports = {
        f"{each.name}:{port['port']}" for each in manifests.objects("Service") for port in each.body["spec"]["ports"]
    }
    (where,) = (each for each in ports if f"@{each}/" in url)
    async with redis_server(tmp_path, *args) as server:
        for at, welcome in ((url.replace(where, f"127.0.0.1:{server.port}"), True), (server.url(), False)):
            place = parts.store(at)
            assert place is not None
            kept = opened(place)
            try:
                assert await lays(kept) is welcome
            finally:
                await kept.close()


async def lays(kept: Store) -> bool:
    """Return whether the store keeps what is laid there under the lock."""
    try:
        lock = await kept.lock("name", 5)
        assert lock is not None
        await lock.put("name", b"sealed", 60)
        await lock.release()
        found = await kept.read("name")
    except StoreError:
        return False
    return found is not None and found.sealed == b"sealed"
