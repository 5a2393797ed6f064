"""The manifests of deploy/kubernetes, read: their objects, their pods, and the gateway's configurations among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from proxy.config import load
from proxy.config.settings import Config

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
NAME = "iam-proxy.toml"

Object = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """An object, and the file that it stands in."""

    file: str
    body: Object

    @property
    def kind(self) -> str:
        """Return what it is."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """Return what it is called."""
        return str(self.body["metadata"]["name"])

    def __str__(self) -> str:
        """Return what a test is called that looks at it."""
        return f"{self.file}-{self.kind}"


@cache
def objects(*kinds: str) -> tuple[Found, ...]:
    """Return the objects of these kinds, or all; the kustomization is none."""
    found = [
        Found(file.stem, body)
        for file in FILES
        if file.stem != "kustomization"
        for body in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]
    return tuple(each for each in found if not kinds or each.kind in kinds)


def workloads() -> tuple[Found, ...]:
    """Return what makes pods."""
    return objects("Deployment", "Job")


def pod(workload: Found) -> Object:
    """Return the pod that a workload makes: its labels under `metadata`, the rest under `spec`."""
    template: Object = workload.body["spec"]["template"]
    return template


def containers(workload: Found) -> list[Object]:
    """Return the containers of a workload, its sidecars first."""
    spec = pod(workload)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def gateways() -> Iterator[tuple[Found, Object]]:
    """Yield each workload with a gateway, and its container."""
    for workload in workloads():
        for container in containers(workload):
            if container["name"] == "gateway":
                yield workload, container


def named(kind: str, name: str) -> Found:
    """Return the one object of that kind and name."""
    (found,) = (each for each in objects(kind) if each.name == name)
    return found


def mounted(workload: Found, container: Object) -> dict[str, Object]:
    """Return the volumes of a container by where they are mounted."""
    volumes = {volume["name"]: volume for volume in pod(workload)["spec"]["volumes"]}
    return {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}


def text_of(workload: Found, container: Object) -> str:
    """Return the configuration that a gateway finds."""
    source = mounted(workload, container)["/etc/iam-proxy"]["configMap"]["name"]
    text: str = named("ConfigMap", source).body["data"][NAME]
    return text


def config(text: str, environ: Mapping[str, str], folder: Path) -> Config:
    """Return a configuration whose secrets under /run stand in `folder`. Raises ConfigError."""
    file = folder / NAME
    file.write_text(text.replace('"/run/', f'"{folder}/run/'), encoding="utf-8")
    return load(str(file), environ)


def secret_files(text: str) -> list[Path]:
    """Return the paths under /run that a configuration reads secrets from."""
    return [Path(word) for word in text.split('"') if word.startswith("/run/")]
