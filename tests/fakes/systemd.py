"""systemd itself, started anew in namespaces of its own: what units promise is seen on a machine that boots with them.

Its root is this machine's with a layer of memory above it, and the image's program in /opt with the image's Python in
/usr/local. It has its own processes, network, control group and /run, and is gone with the script that it runs. Needs
Linux and root.
"""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.fakes.image import Image

# How long a boot and its script may take, in seconds.
PATIENCE = 120.0
# $1 folder for mounts, $2 program, $3 Python, $4 folder that both sides see. The control group is made in a tree that
# is mounted for that alone, and taken away again: systemd leaves empty ones.
OUTSIDE = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/group" "$1/layer" "$1/work" "$1/root"
mount -t cgroup2 cgroup2 "$1/group"
group=$1/group/iam-proxy-$$
mkdir "$group"
trap 'find "$group" -depth -type d -exec rmdir {} +' EXIT
sh -c 'echo $$ > "$0/cgroup.procs"; exec unshare --cgroup --mount --pid --ipc --uts --net --fork --kill-child "$@"' \\
  "$group" sh -c "$INSIDE" inside "$@"
"""
INSIDE = """
set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layer,workdir=$1/work" "$1/root"
cd "$1/root"
mkdir -p opt/iam-proxy host before
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --bind "$2" opt/iam-proxy
mount --bind "$3" usr/local
mount --bind "$4" host
cp host/*.service host/*.socket host/*.target etc/systemd/system/ 2>/dev/null || :
echo /usr/local/lib > etc/ld.so.conf
pivot_root . before
cd /
umount -l /before
mount --make-rshared /
/sbin/ldconfig
container=none exec /lib/systemd/systemd --system --unit=script.target --log-target=null --show-status=no
"""
UNITS = {
    "script.target": "[Unit]\nAllowIsolate=yes\nWants=script.service\n",
    "script.service": """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
StandardOutput=append:/host/printed
StandardError=append:/host/printed
ExecStart=/bin/bash -eu /host/script
ExecStopPost=/bin/systemctl exit 0 --force --force
""",
}


async def booted(image: Image, script: str, folder: Path, **units: str) -> str:
    """Boot with these units, run a script as root in a Bash, and return what it printed; a failing line ends it.

    `folder` is /host inside.
    """
    for name, text in {**UNITS, **units}.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "script").write_text(script, encoding="utf-8")
    mounts = folder / "mounts"
    mounts.mkdir()
    words = [mounts, image.inside("/opt/iam-proxy"), image.python, folder]
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--propagation=private", "bash", "-c", OUTSIDE, "outside", *map(str, words)),
        env={**os.environ, "INSIDE": INSIDE},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    printed = folder / "printed"
    assert printed.exists(), said
    return printed.read_text(encoding="utf-8")
