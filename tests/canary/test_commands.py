"""The commands as processes: none but `token` says a secret, and that one says it alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.core.held import basic
from tests.canary.marks import CANARIES, SECRETS, TOKENS, toml
from tests.canary.platform import Platform
from tests.canary.scene import KINDS, configuration, defective
from tests.canary.search import Search, halves
from tests.fakes.origin import raw_origin

# What the commands do is covered by tests/test_cli.py and tests/test_online.py.
pytestmark = pytest.mark.no_cover

SEARCH = Search(CANARIES)


async def ran(folder: Path, *words: str, **environ: str) -> tuple[int, bytes, bytes]:
    """Run a command to its end; return exit code, output and error output."""
    async with defective(*words, folder=folder, **environ) as process:
        code = await process.process.wait()
    assert b"Traceback" not in process.said
    return code, bytes(process.printed), bytes(process.said)


@asynccontextmanager
async def configured(folder: Path, store: str = "memory") -> AsyncIterator[tuple[str, Platform]]:
    """Yield the path of a configuration for a platform that runs."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        file = configuration(folder, log="json", store=store, port=origin.port, full=1, tls=1)
        yield str(file), platform


async def test_check_tells_nothing(tmp_path: Path) -> None:
    """Of a configuration that is well, and of no gateway to be asked for its health."""
    async with configured(tmp_path) as (file, _):
        code, printed, said = await ran(tmp_path, "check", "--config", file)
        assert (code, SEARCH.hits(printed + said)) == (0, [])
        for words in (("check", "--health"), ("check", "--online")):
            code, printed, said = await ran(tmp_path, *words, "--config", file)
            assert (code, SEARCH.hits(printed + said)) == (1, [])


@pytest.mark.parametrize("command", ["check", "run", "token"])
async def test_a_configuration_that_is_wrong(command: str, tmp_path: Path) -> None:
    """Its mistakes are said: secrets in wrong places, keys that are none, files that are no TOML."""
    wrong = {
        f"[credentials.c]\napikye = {toml(SECRETS['apikey'])}\nsecretkey = [{toml(SECRETS['secretkey'])}]\n",
        f"[credentials.c]\nkind = {toml(SECRETS['static'])}\n",
        f"[[routes]]\nupstream = {toml('https://user:' + SECRETS['redis'] + '@host.example')}\n",
        f"[tokens]\nstore = {toml('redis://:' + SECRETS['redis'] + '@x:99999')}\n",
        f"[credentials.c]\napikey = {toml(SECRETS['apikey'])} secretkey = {toml(SECRETS['secretkey'])}\n",
        f"[credentials.c]\napikey = '{SECRETS['apikey']}\n",
    }
    for text in wrong:
        (tmp_path / "wrong.toml").write_text(text)
        code, printed, said = await ran(tmp_path, command, "--config", "wrong.toml")
        assert (code, printed, SEARCH.hits(said)) == (2, b"", []), text
        assert b"wrong.toml:" in said


async def test_a_defect_while_the_configuration_is_read(tmp_path: Path) -> None:
    """One line with its kind and place, and no traceback."""
    file = tmp_path / "gateway.toml"
    file.write_text(f"[credentials.c]\napikey = {toml(SECRETS['apikey'])}\n")
    code, printed, said = await ran(tmp_path, "check", "--config", str(file), CANARY_DEFECT="load")
    assert (code, printed) == (1, b"")
    assert said.startswith(b"iam-proxy: a defect of iam-proxy: LookupError at ")
    assert SEARCH.hits(said) == []


@pytest.mark.parametrize("store", ["memory", "file:tokens.json"])
@pytest.mark.parametrize("kind", KINDS)
async def test_token_prints_it_alone(kind: str, store: str, tmp_path: Path) -> None:
    """That very token and a line feed, and nothing on the error output."""
    async with configured(tmp_path, store) as (file, _):
        code, printed, said = await ran(tmp_path, "token", kind, "--config", file)
    told = SECRETS[kind] if kind in {"static", "basic"} else TOKENS[kind]
    token = {"static": told, "basic": basic("user", told)}.get(kind, f"{told}.1")
    assert (code, printed, said) == (0, f"{token}\n".encode(), b"")
    assert SEARCH.hits(printed) == sorted(halves(told))
    files = [each.read_bytes() for each in tmp_path.rglob("tokens.json*")]
    assert SEARCH.hits(b"\n".join(files)) == []


async def test_token_without_a_login_tells_nothing(tmp_path: Path) -> None:
    """However it fails; a name that is none, a credential that has a defect."""
    async with configured(tmp_path) as (file, platform):
        asked = [ran(tmp_path, "token", name, "--config", file) for name in ("nobody", "defect")]
        for code, printed, said in await asyncio.gather(*asked):
            assert (code, printed, SEARCH.hits(said)) == (1, b"", [])
        for mood in ("rejected", "erring", "malformed", "elsewhere", "no-field"):  # the run meets them all
            code, printed, said = await ran(tmp_path, "token", mood, "--config", file)
            assert (code, printed, SEARCH.hits(said)) == (1, b"", []), mood
            assert said.startswith(b"iam-proxy: ")
    assert sum(platform.logins.values()) > 5
