"""An image built without a container engine: the steps of its Dockerfile, carried out in a root folder for each stage.

A step finds there the base, what `COPY` brings and what the steps before it have made, nothing else of this machine.
The base is this machine's system, read-only, with a Python in `/usr/local` as the official images have it: of the
version that `FROM` names where there is one here, else the one that runs the tests. Needs Linux and root, as a builder
does. Mounts are made in a namespace of each command's own and are gone with it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.dockerfile import Stage, context, stages

# Of the official Python images.
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a base has in /etc: the network, the authorities, the linker, pip where the machine tells it of a mirror.
ETC = ("resolv.conf", "hosts", "nsswitch.conf", "passwd", "group", "ssl", "alternatives", "pip.conf", "xdg")
# The base's Python may be one whose library has been moved here.
LINK = "echo /usr/local/lib > /etc/ld.so.conf && /sbin/ldconfig"
# What a builder is told by its machine; no part of the recipe.
OUTSIDE = re.compile(r"(?i)pip_(?!find_links)\w+|ssl_cert_\w+|\w+_proxy")
# $1 root, $2 prefix of Python, $3 "ro" or "rw", then the command.
ENTER = """
set -e
root=$1 python=$2 mode=$3; shift 3
mount --bind "$root" "$root"
for part in usr bin sbin lib lib64; do
  [ ! -d /$part ] || { mkdir -p "$root/$part"; mount -o bind,ro /$part "$root/$part"; }
done
mount -o bind,ro "$python" "$root/usr/local"
for part in dev proc; do mount --rbind /$part "$root/$part"; done
mount -o remount,bind,$mode "$root"
mount -t tmpfs tmpfs "$root/tmp"
exec "$@"
"""


@dataclass
class Image:
    """One stage under way, and in the end the image: its root, and what its settings say."""

    root: Path
    python: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    folder: str = "/"
    settings: dict[str, str] = field(default_factory=dict)
    added: int = 0

    # --- building
    def take(self, step: tuple[str, str], source: Path, made: Mapping[str, "Image"]) -> None:
        """Carry out one step; `source` is where `COPY` copies from, `made` are the stages before."""
        match step:
            case "RUN", command:
                words = self.command(["/bin/sh", "-c", command], environ=outside(), read_only=False)
                done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  the recipe's own
                assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"
            case "COPY", words:
                self.copy(words.split(), source, made)
            case "WORKDIR", folder:
                self.inside(folder).mkdir(parents=True, exist_ok=True)
                self.folder = folder
            case "ENV", pairs:
                for name, _, value in (pair.partition("=") for pair in pairs.split()):
                    self.environ[name] = value.replace(f"${name}", self.environ.get(name, ""))
            case ("USER" | "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD") as word, rest:
                self.settings[word] = rest
            case word, _:
                raise AssertionError(f"{word} cannot be carried out here")

    def copy(self, words: list[str], source: Path, made: Mapping[str, "Image"]) -> None:
        """Copy files of the context that may be seen, or a folder of another stage."""
        *sources, target = words
        if sources[0].startswith("--from="):
            other = made[sources[0].removeprefix("--from=")]
            shutil.copytree(other.inside(sources[1]), self.inside(target), symlinks=True)
            return
        for name in sources:
            files = list(context(source, name))
            assert files, f"COPY {name}: not there, or .dockerignore keeps it out"
            for file in files:
                to = (
                    self.inside(self.folder)
                    / target
                    / (file.name if (source / name).is_file() else file.relative_to(name))
                )
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / file, to)

    def inside(self, path: str) -> Path:
        """Return where a path of the image lies on this machine."""
        return self.root / path.lstrip("/")

    # --- running
    def command(
        self, words: list[str], *, environ: Mapping[str, str], user: str = "0:0", read_only: bool = True
    ) -> list[str]:
        """Return what becomes a command in the image; who is not root there has no capability."""
        uid, _, gid = user.partition(":")
        variables = [f"{name}={value}" for name, value in {**self.environ, **environ}.items()]
        drop = [] if uid == "0" else ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        inside = [
            "setpriv",
            f"--reuid={uid}",
            f"--regid={gid}",
            "--clear-groups",
            *drop,
            "env",
            "-i",
            f"--chdir={self.folder}",
        ]
        enter = ["sh", "-c", ENTER, "enter", str(self.root), str(self.python), "ro" if read_only else "rw"]
        return [
            "unshare",
            "--mount",
            "--propagation=private",
            *enter,
            "chroot",
            str(self.root),
            *inside,
            *variables,
            *words,
        ]

    def started(self, environ: Mapping[str, str]) -> list[str]:
        """Return what the image starts."""
        words = json.loads(self.settings["ENTRYPOINT"]) + json.loads(self.settings["CMD"])
        return self.command(words, environ=environ, user=self.settings["USER"])

    def health(self, environ: Mapping[str, str]) -> list[str]:
        """Return what asks whether it is well."""
        words = json.loads(self.settings["HEALTHCHECK"].partition("CMD ")[2])
        return self.command(words, environ=environ, user=self.settings["USER"])


def build(source: Path, into: Path) -> Image:
    """Carry out the Dockerfile of a folder and return the image of its last stage."""
    made: dict[str, Image] = {}
    for number, stage in enumerate(stages((source / "Dockerfile").read_text(encoding="utf-8"))):
        image = Image(base(into / f"stage-{number}"), python_of(stage))
        image.take(("RUN", LINK), source, made)
        bare = weight(image.root)
        for step in stage.steps:
            image.take(step, source, made)
        image.added = weight(image.root) - bare
        made[stage.name] = image
    return image


def base(root: Path) -> Path:
    """Make the root of a base image."""
    for name in ("dev", "proc", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    for name in ETC:
        file = Path("/etc") / name
        if file.is_dir():
            shutil.copytree(file, root / "etc" / name, symlinks=True)
        elif file.exists():
            shutil.copy(file, root / "etc" / name)
    return root


def python_of(stage: Stage) -> Path:
    """Return the prefix of a Python for a stage."""
    version = re.match(r"python:(\d+\.\d+)", stage.base)
    assert version, f"FROM {stage.base}: not an image of Python"
    found = sorted(Path.home().glob(f".pyenv/versions/{version[1]}.*/bin/python{version[1]}"))
    found += [Path(folder) / f"python{version[1]}" for folder in ("/usr/local/bin", "/usr/bin")]
    there = next((file for file in found if file.exists()), None)
    return Path(sys.base_prefix) if there is None else there.parent.parent


def outside() -> dict[str, str]:
    """Return the variables that a builder gets from its machine."""
    return {name: value for name, value in os.environ.items() if OUTSIDE.fullmatch(name)}


def weight(root: Path) -> int:
    """Return the bytes of the files that lie in a root."""
    return sum(file.lstat().st_size for file in root.rglob("*") if not file.is_dir() or file.is_symlink())
