"""`iam-proxy init`: what a person is asked, what is written, and what becomes of the login."""

import asyncio
import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.origin import raw_origin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.ports import free_port
from tests.fakes.process import clean_environment
from tests.fakes.terminal import END_OF_FILE, INTERRUPT, terminal

FILE = "iam-proxy.toml"
URL, WHERE = "The platform's URL", "Where (typed, env, file, command)"


@asynccontextmanager
async def platform() -> AsyncIterator[str]:
    """Run a platform and yield its URL."""
    async with raw_origin(Platform().visit) as origin:
        yield f"http://127.0.0.1:{origin.port}"


async def ran(*words: str, folder: Path, **environ: str) -> tuple[int, str, str]:
    """Run `iam-proxy` where there is no terminal; return exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        *words,
        cwd=folder,
        env=clean_environment(**environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err
    return process.returncode, out.decode(), err.decode()


def read(folder: Path, name: str = FILE) -> tuple[int, dict[str, object], str]:
    """Return a file's mode, its credential, and the upstream of its route."""
    file = folder / name
    written = tomllib.loads(file.read_text())
    assert not [left for left in folder.iterdir() if left.name.startswith(".")]
    return stat.S_IMODE(file.stat().st_mode), written["credentials"]["main"], written["routes"][0]["upstream"]


# --- at a terminal
async def test_keys_that_are_typed(tmp_path: Path) -> None:
    """Two questions and two keys that nobody sees; a file for its owner alone, and a login; what is next is said."""
    async with platform() as url, terminal("init", folder=tmp_path) as it:
        await it.answer(URL, url)
        await it.answer(WHERE, "")
        await it.answer("API key:", APIKEY)
        await it.answer("Secret key:", SECRETKEY)
        assert await it.ended() == 0
        assert read(tmp_path) == (0o600, {"kind": "apikey", "apikey": APIKEY, "secretkey": SECRETKEY}, url)
        assert APIKEY not in it.shown
        assert SECRETKEY not in it.shown
        assert f"{FILE}: written, and only you can read it" in it.shown
        assert f"login main at {url}/iam/login: the keys were traded for a token" in it.shown
        assert "Next: iam-proxy run" in it.shown
        assert (await ran("check", "--online", folder=tmp_path))[0] == 0


@pytest.mark.parametrize(
    ("way", "answers", "written"),
    [
        ("env", ("THE_KEY", ""), ({"env": "THE_KEY"}, {"env": "IAM_SECRETKEY"})),
        ("file", ("key", "~/secret"), ({"file": "key"}, {"file": "HOME/secret"})),
        (
            "command",
            ("cat key", "printf %s 'SECRET'"),
            ({"command": ["cat", "key"]}, {"command": ["printf", "%s", ""]}),
        ),
    ],
)
async def test_keys_that_are_elsewhere(
    way: str, answers: tuple[str, str], written: tuple[dict[str, object], dict[str, object]], tmp_path: Path
) -> None:
    """The file says where they are and has none of them."""
    for name, text in (("key", APIKEY), ("secret", SECRETKEY)):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    environ = {"THE_KEY": APIKEY, "IAM_SECRETKEY": SECRETKEY, "HOME": str(tmp_path)}
    async with platform() as url, terminal("init", "--upstream", url, folder=tmp_path, **environ) as it:
        await it.answer(WHERE, way)
        await it.answer("the API key", answers[0])
        await it.answer("the secret key", answers[1].replace("SECRET", SECRETKEY))
        assert await it.ended() == 0, it.shown
    _, credential, _ = read(tmp_path)
    expected = str(written[1]).replace("HOME", str(tmp_path))
    found = str(credential["secretkey"]).replace(SECRETKEY, "")
    assert (credential["apikey"], found) == (written[0], expected)


async def test_an_answer_that_is_of_no_use_is_asked_for_again(tmp_path: Path) -> None:
    """With the words of what is wrong, and never with the answer."""
    async with platform() as url, terminal("init", folder=tmp_path, IAM_SECRETKEY=SECRETKEY) as it:
        await it.answer(URL, "data.example")
        await it.until("is not an http or https URL")
        await it.answer(URL, url)
        await it.answer(WHERE, "somewhere")
        await it.answer(WHERE, "env")
        await it.answer("the API key", SECRETKEY)
        await it.until("names no variable of the environment")
        await it.answer("the API key", "NOT_SET")
        await it.until("the environment variable NOT_SET is not set")
        await it.answer("the API key", "IAM_SECRETKEY")
        await it.answer("the secret key", "")
        assert await it.ended() == 1  # the platform refuses this key
        assert "Traceback" not in it.shown


@pytest.mark.parametrize("key", [INTERRUPT, END_OF_FILE])
@pytest.mark.parametrize("hidden", [False, True])
async def test_whoever_leaves_finds_nothing_written(key: str, hidden: bool, tmp_path: Path) -> None:
    """Ctrl-C and Ctrl-D end it at any question, with 1 and without a trace."""
    async with terminal("init", folder=tmp_path) as it:
        if hidden:
            await it.answer(URL, "https://data.example")
            await it.answer(WHERE, "typed")
            await it.until("API key:")
        else:
            await it.until(URL)
        assert await it.left(key) == 1
        assert "Aborted!" in it.shown
        assert "Traceback" not in it.shown
    assert list(tmp_path.iterdir()) == []


# --- by options alone
async def test_options_answer_every_question(tmp_path: Path) -> None:
    """Nothing is asked; a path begins where one stands, also for a file elsewhere; what is next names the file."""
    (tmp_path / "there").mkdir()
    (tmp_path / "secret").write_text(SECRETKEY)
    (tmp_path / "secret").chmod(0o600)
    keys = ("--apikey-env", "THE_KEY", "--secretkey-file", "secret")
    async with platform() as url:
        words = ("init", "--config", "there/g.toml", "--upstream", url, *keys, "--inspector")
        code, out, err = await ran(*words, folder=tmp_path, THE_KEY=APIKEY)
    assert (code, err) == (0, "")
    assert out.endswith("Next: iam-proxy run --config there/g.toml\n")
    mode, credential, _ = read(tmp_path / "there", "g.toml")
    assert (mode, credential["secretkey"]) == (0o600, {"file": str(tmp_path / "secret")})
    assert tomllib.loads((tmp_path / "there" / "g.toml").read_text())["admin"]["inspector"] is True


async def test_a_key_with_every_character_that_toml_knows(tmp_path: Path) -> None:
    """What is written is read back the same, and none of it is shown."""
    secret = 's"e\'c\\r#e{t}=\\n\\u0041 é€😀 \']] """'
    async with platform() as url:
        words = ("init", "--upstream", url, "--apikey", APIKEY, "--secretkey", secret)
        code, out, err = await ran(*words, folder=tmp_path)
    assert code == 1  # the platform takes another
    assert read(tmp_path)[1]["secretkey"] == secret
    assert (await ran("check", folder=tmp_path))[0] == 0
    assert secret not in out + err


async def test_refused_keys(tmp_path: Path) -> None:
    """Whose fault it is, and that the file stays; 1."""
    async with platform() as url:
        words = ("init", "--upstream", url, "--apikey", APIKEY, "--secretkey", "another-secret")
        code, out, err = await ran(*words, folder=tmp_path)
    assert code == 1
    assert "failed    login main at" in out
    assert "The platform refused the gateway's keys" in out
    assert "stays as it was written; correct it, and try: iam-proxy check --online\n" in err
    assert "another-secret" not in out + err
    assert read(tmp_path)[0] == 0o600


async def test_a_platform_that_is_not_there(tmp_path: Path) -> None:
    """The way to it is what failed; nothing is said against the keys."""
    port = free_port()
    words = ("init", "--upstream", f"http://127.0.0.1:{port}", "--apikey", APIKEY, "--secretkey", SECRETKEY)
    code, out, err = await ran(*words, folder=tmp_path)
    assert code == 1
    assert f"failed    tcp http://127.0.0.1:{port}: " in out
    assert "not tried login main" in out
    assert "stays as it was written" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--upstream is missing, and this is no terminal to ask at"),
        (("--upstream", "https://x"), "--apikey-env, --apikey-file or --apikey-command is missing"),
        (("--upstream", "https://x", "--apikey", "k"), "--secretkey-env, --secretkey-file or --secretkey-command is"),
        (("--upstream", "x"), "--upstream: is not an http or https URL"),
        (("--upstream", "https://u:hunter2@x"), "--upstream: carries a user or a password"),
        (("--upstream", "https://x", "--apikey", "hunter2\nk"), "--apikey: the secret holds control characters"),
        (("--upstream", "https://x", "--apikey-file", "hunter2"), "--apikey-file: names a file that is not there"),
        (("--upstream", "https://x", "--apikey-command", ""), "--apikey-command: is not a secret"),
        (("--upstream", "https://x", "--apikey-command", "it's"), "--apikey-command: No closing quotation"),
        (("--upstream", "https://x", "--apikey", "\udcff"), "--apikey: is not UTF-8"),
        (("--upstream", "https://x", "--apikey", "k", "--apikey-env", "K"), "--apikey and --apikey-env: expected one"),
        (("--upstream", "http://x", "--apikey", "k", "--secretkey", "s"), "insecure"),
        (("--config", "none/g.toml", "--upstream", "https://x", "--apikey", "k", "--secretkey", "s"), "No such file"),
    ],
)
async def test_what_cannot_be_written(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """One clear line, 1, and no file; no value is repeated."""
    code, out, err = await ran("init", *words, folder=tmp_path)
    assert (code, out) == (1, "")
    assert said in err
    assert err.endswith("nothing was written\n")
    assert "hunter2" not in err
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_there(tmp_path: Path) -> None:
    """It stays, before anything is asked; with `--force` it is written over, and nobody else can read it any more."""
    file, link = tmp_path / "mine.toml", tmp_path / FILE
    file.write_text("mine")
    file.chmod(0o644)
    link.symlink_to(file)
    async with terminal("init", folder=tmp_path) as it:
        assert await it.ended() == 1
        assert f"{FILE} is there already; --force writes over it, --config FILE writes another" in it.shown
    assert file.read_text() == "mine"
    async with platform() as url:
        words = ("init", "--force", "--upstream", url, "--apikey", APIKEY, "--secretkey", SECRETKEY)
        assert (await ran(*words, folder=tmp_path))[0] == 0
    assert link.is_symlink()
    assert read(tmp_path, "mine.toml")[0] == 0o600


async def test_the_file_that_the_other_commands_find(tmp_path: Path) -> None:
    """$IAM_PROXY_CONFIG names it here as there."""
    environ = {"IAM_PROXY_CONFIG": str(tmp_path / "other.toml")}
    async with platform() as url:
        words = ("init", "--upstream", url, "--apikey", APIKEY, "--secretkey", SECRETKEY)
        assert (await ran(*words, folder=tmp_path, **environ))[0] == 0
        assert [file.name for file in tmp_path.iterdir()] == ["other.toml"]
        assert (await ran("check", "--online", folder=tmp_path, **environ))[0] == 0
