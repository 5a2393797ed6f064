"""`iam-proxy exec`: a command with a gateway of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.execute import inherited
from tests.fakes.origin import RawOrigin, raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.process import Program, program

ADMIN_KEY = "key-of-the-operator"
KEYS = {
    "THE_KEY": APIKEY,
    "THE_SECRET": SECRETKEY,
    "COPY_OF_IT": f"key={SECRETKEY}",
    "THE_OPERATORS": ADMIN_KEY,
}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def written(folder: Path, port: int) -> None:
    """Write a configuration whose keys come from the environment."""
    (folder / "iam-proxy.toml").write_text(
        f'[credentials.main]\napikey = {{ env = "THE_KEY" }}\nsecretkey = {{ env = "THE_SECRET" }}\n'
        f'[[routes]]\nupstream = "http://127.0.0.1:{port}"\n[admin]\nkey = {{ env = "THE_OPERATORS" }}\n'
    )


@asynccontextmanager
async def executed(folder: Path, *command: str, **environ: str) -> AsyncIterator[tuple[Program, Platform, RawOrigin]]:
    """Run a command in front of a platform."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        written(folder, origin.port)
        async with program("exec", "--", *command, folder=folder, **{**KEYS, **environ}) as it:
            yield it, platform, origin


async def ended(it: Program) -> tuple[int | None, str, str]:
    """Return exit code, output and errors."""
    out, err = await it.process.communicate()
    return it.process.returncode, out.decode(), err.decode()


async def test_a_command_asks_through_it(tmp_path: Path) -> None:
    """At IAM_PROXY_URL, with no key of its own; a token was there before it began; it ends with the command's code."""
    async with executed(tmp_path, "sh", "-c", 'curl -s "$IAM_PROXY_URL/a"; exit 7') as (it, platform, origin):
        assert await ended(it) == (7, "ok", "")
        assert platform.logins == 1
        assert [arrived.line.split()[1] for arrived in origin.arrived] == [b"/iam/login", b"/a"]


async def test_a_command_that_only_knows_http_proxy(tmp_path: Path) -> None:
    """Absolute-form requests for a configured host are served; what is here is asked directly."""
    command = 'curl -s --noproxy "" --proxy "$http_proxy" http://127.0.0.1:PORT/b; echo; echo "$NO_PROXY"'
    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        written(tmp_path, origin.port)
        words = ("exec", "--", "sh", "-c", command.replace("PORT", str(origin.port)))
        async with program(*words, folder=tmp_path, **KEYS, NO_PROXY="corp.example") as it:
            assert await ended(it) == (0, "ok\ncorp.example,localhost,127.0.0.1,::1\n", "")
        assert b"Bearer " in origin.arrived[-1].head


async def test_no_secret_reaches_the_command(tmp_path: Path) -> None:
    """Neither the variables that keys come from, nor another one that tells a key, nor the gateway's own settings."""
    more = {"IAM_PROXY__LOG__LEVEL": "info", "HARMLESS": "yes"}
    async with executed(tmp_path, sys.executable, "-c", SHOW, **more) as (it, _, _origin):
        code, out, err = await ended(it)
    seen = json.loads(out)
    assert (code, err) == (0, "")
    assert seen["HARMLESS"] == "yes"
    assert {name for name in seen if name.startswith("IAM_PROXY")} == {"IAM_PROXY_URL"}
    assert not set(KEYS) & set(seen)
    assert ADMIN_KEY not in seen.values()
    assert not [value for value in seen.values() if APIKEY in value or SECRETKEY in value or "of-the-platform" in value]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("http://user:p4ssw0rd@proxy.corp:3128", "http://proxy.corp:3128"),
        ("http://user:p4ss/w0@rd@proxy.corp:3128/", "http://proxy.corp:3128/"),
        ("user:p4ssw0rd@proxy.corp:3128", "proxy.corp:3128"),
        ("http://proxy.corp:3128", "http://proxy.corp:3128"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "ftp_proxy"])
def test_the_way_out_is_kept_without_its_password(name: str, before: str, kept: str) -> None:
    """What the environment says of a forward proxy is for the gateway; its command gets the address alone."""
    assert inherited({name: before, "OTHER": "a@b"}, (), ()) == {name: kept, "OTHER": "a@b"}


async def test_the_password_of_a_forward_proxy_reaches_no_command(tmp_path: Path) -> None:
    """Neither by the variables that the gateway takes, nor by those that it sets."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), "http://user:p4ssw0rd@127.0.0.1:9")
    async with executed(tmp_path, sys.executable, "-c", SHOW, **proxies) as (it, _, _origin):
        code, out, err = await ended(it)
    assert (code, err) == (0, "")
    seen = json.loads(out)
    assert seen["HTTPS_PROXY"] == seen["all_proxy"] == "http://127.0.0.1:9"
    assert seen["HTTP_PROXY"] == seen["http_proxy"] == seen["IAM_PROXY_URL"]
    assert "p4ssw0rd" not in out


async def test_it_waits_for_a_token_or_says_why_there_is_none(tmp_path: Path) -> None:
    """Refused keys end it before the command begins."""
    async with executed(tmp_path, "touch", "begun", THE_SECRET="another-secret") as (it, _, _origin):
        code, out, err = await ended(it)
    assert (code, out) == (1, "")
    assert "The platform refused the gateway's keys" in err
    assert "another-secret" not in err
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [("no-such-command-here", 127, "no such command"), ("./iam-proxy.toml", 126, "Permission denied")],
)
async def test_a_command_that_cannot_be_run(command: str, code: int, words: str, tmp_path: Path) -> None:
    """The codes are a shell's."""
    async with executed(tmp_path, command) as (it, _, _origin):
        found, out, err = await ended(it)
    assert (found, out) == (code, "")
    assert words in err


@pytest.mark.parametrize(("caught", "code"), [(True, 5), (False, 128 + signal.SIGTERM)])
async def test_signals_reach_the_command(caught: bool, code: int, tmp_path: Path) -> None:
    """It ends when the command does, with its code, or as a shell tells a signal."""
    trap = "trap 'exit 5' TERM; " if caught else ""
    async with executed(tmp_path, "sh", "-c", f"{trap}echo begun; while :; do sleep 0.05; done") as (it, _, _origin):
        await it.line("begun")
        it.signal(signal.SIGTERM)
        assert (await ended(it))[0] == code


async def test_the_command_has_the_files_that_it_would_have_had(tmp_path: Path) -> None:
    """The gateway raises its limit for itself."""
    shell = await asyncio.create_subprocess_exec("sh", "-c", "ulimit -n", stdout=asyncio.subprocess.PIPE)
    before = (await shell.communicate())[0].decode()
    async with executed(tmp_path, "sh", "-c", "ulimit -n") as (it, _, _origin):
        assert await ended(it) == (0, before, "")
