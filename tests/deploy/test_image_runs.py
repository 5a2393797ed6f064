"""The image, built by the very steps of its recipe and run as it is to be run; see tests/fakes/image.py for how."""

import asyncio
import contextlib
import json
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.image import Image
from tests.fakes.ports import free_port
from tests.fakes.process import Program, program
from tests.test_cli import address_of, get, keys

# What our own layers may weigh, in bytes; what a pull costs is less, for layers travel compressed.
HEAVIEST = 60e6

pytestmark = pytest.mark.long  # some 45 s: two virtual environments and a wheel


@contextlib.asynccontextmanager
async def running(words: list[str]) -> AsyncIterator[Program]:
    """Start a command of the image, and see it ended."""
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE)
    try:
        yield Program(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ran(words: list[str]) -> tuple[int, str]:
    """Run a command of the image to its end; return exit code and output."""
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE)
    printed, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode() + said.decode()


async def test_it_serves(image: Image, tmp_path: Path) -> None:
    """As nobody in particular, without capabilities, on a read-only root: healthy, asked, uploaded to, drained."""
    async with program("sandbox", "--listen", "127.0.0.1:0", folder=tmp_path) as sandbox:
        environ = keys(await address_of(sandbox)) | {"IAM_PROXY_ADMIN_LISTEN": f"127.0.0.1:{free_port()}"}
        async with running(image.started(environ)) as gateway:
            where = (await gateway.event("listening", "no temporary file can be made"))["address"]
            await gateway.event("login succeeded")
            code, printed = await ran(image.health(environ))
            assert (code, json.loads(printed)) == (0, {"ready": True})
            assert (await get(f"http://{where}/qb/query"))[0] == 200
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0
        assert (await ran(image.health(environ)))[0] == 1


async def test_a_configuration_is_found_where_it_is_mounted(image: Image) -> None:
    """With what the extra `shared` brings, and a mistake in it is one."""
    user = image.settings["USER"]
    file = image.inside("/etc/iam-proxy/iam-proxy.toml")
    file.write_text(
        '[tokens]\nstore = "redis://127.0.0.1:6379/0"\n[credentials.main]\napikey = "key"\nsecretkey = "secret"\n'
        '[[routes]]\nupstream = "https://example.com"\n'
    )
    try:
        code, printed = await ran(image.command(["iam-proxy", "check"], environ={}, user=user))
        assert (code, printed) == (0, "iam-proxy.toml: 1 route, 1 credential, no mistakes\n")
        file.write_text("[server]\nlisten = 1\n")
        assert (await ran(image.started({})))[0] == 2
    finally:
        file.unlink()


def test_it_weighs_little(image: Image) -> None:
    """Nothing that builds is left in it, and no sources but those that run."""
    assert image.added < HEAVIEST
    left = {path.name for path in image.inside("/opt/iam-proxy/bin").iterdir()}
    assert "iam-proxy" in left
    assert not {name for name in left if name.startswith("pip")}
    assert [path.name for path in image.inside("/opt").iterdir()] == ["iam-proxy"]
    assert not image.inside("/src").exists()
    packages = next(image.inside("/opt/iam-proxy/lib").glob("python3.*/site-packages"))
    assert not {"pip", "hatchling", "setuptools", "tests", "pytest"} & {path.name for path in packages.iterdir()}
    assert any(packages.glob("proxy/__pycache__/cli.*.pyc"))  # a start compiles nothing: it could keep nothing
