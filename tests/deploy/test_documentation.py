"""docs/deploy.md: its table has every code, its ways are all there, and its commands make what the manifests want."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import __version__
from proxy.config import parts
from proxy.errors import GatewayError, StoreError
from proxy.tokens.store import Store, opened
from tests.deploy import manifests
from tests.fakes.redis import redis_server

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", PAGE, re.MULTILINE))
TABLE = "Symptom, cause, what to do"
WAYS = SECTIONS.keys() - {TABLE}

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


def codes(kind: type[GatewayError] = GatewayError) -> Iterator[str]:
    """Yield the code of every answer that the gateway makes itself."""
    yield kind.code
    for each in kind.__subclasses__():
        yield from codes(each)


def test_every_code_is_told() -> None:
    """Once, with a cause and with something to do; and none that there is not."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", SECTIONS[TABLE], re.MULTILINE)
    assert sorted(code for code, *_ in rows) == sorted(set(codes()))


def test_every_way_is_told() -> None:
    """Each says what to set, how to give it secrets, how to upgrade it and what to watch."""
    assert len(WAYS) == 7
    for way in WAYS:
        assert re.findall(r"^- \*\*(\w+)\*\*", SECTIONS[way], re.MULTILINE) == ["Set", "Secrets", "Upgrade", "Watch"], (
            way
        )


def test_what_it_names_is_there() -> None:
    """Links lead to files, and the image's tag is this version."""
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    assert set(re.findall(r"iam-proxy:(\d\S*)", PAGE)) == {__version__}
    linked = {Path(link).name for link in re.findall(r"\]\(\.\./deploy/(\S+)\)", PAGE)}
    assert {file.name for file in (ROOT / "deploy").rglob("*") if file.is_file()} - linked == {"kustomization.yaml"}


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
