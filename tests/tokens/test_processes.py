"""Processes that share a file or a Redis: the gateway itself, as it is started by people."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.process import Program, clean_environment, program
from tests.fakes.redis import redis_server
from tests.tokens.login_server import LoginServer, login_server, silence
from tests.tokens.sources import SECRET
from tests.tokens.test_replicas import tokens

WELL = ("token from the shared store", "login succeeded")


def environment(server: LoginServer, store: str, **more: str) -> dict[str, str]:
    """Return what a gateway needs to know."""
    return {
        "IAM_PROXY_UPSTREAM": f"http://127.0.0.1:{server.port}",
        "IAM_PROXY_APIKEY": "the-key",
        "IAM_PROXY_SECRETKEY": SECRET,
        "IAM_PROXY_LISTEN": "127.0.0.1:0",
        "IAM_PROXY_ADMIN_LISTEN": "",
        "IAM_PROXY__TOKENS__STORE": store,
        "IAM_PROXY__LOG__FORMAT": "json",
        **more,
    }


@contextlib.asynccontextmanager
async def gateways(count: int, folder: Path, environ: dict[str, str]) -> AsyncIterator[list[Program]]:
    """Start so many at once."""
    async with contextlib.AsyncExitStack() as stack:
        started = [stack.enter_async_context(program("run", folder=folder, **environ)) for _ in range(count)]
        yield [await each for each in started]


async def printed(environ: dict[str, str], folder: Path) -> tuple[str, str]:
    """Run `iam-proxy token`, and return what it prints and says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "token",
        cwd=folder, env=clean_environment(**environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out.decode().strip(), said.decode()


@pytest.mark.parametrize(("kind", "count"), [("file", 8), ("redis", 4)])
async def test_processes_that_start_together_log_in_once(kind: str, count: int, tmp_path: Path) -> None:
    """Eight on a file, four on a Redis: each has the token of one login; ended, nothing is left but that."""
    async with contextlib.AsyncExitStack() as stack:
        login = await stack.enter_async_context(login_server())
        tokens(login, 3600.0)
        store = f"file:{tmp_path}/tokens.json"
        if kind == "redis":
            (tmp_path / "redis").mkdir()
            store = (await stack.enter_async_context(redis_server(tmp_path / "redis"))).url()
        environ = environment(login, store)
        async with gateways(count, tmp_path, environ) as running:
            facts = [await each.event(*WELL) for each in running]
            assert sorted(fact["event"] for fact in facts) == [WELL[1], *[WELL[0]] * (count - 1)]
            assert len(login.asked) == 1
            for each in running:
                each.signal(signal.SIGTERM)
            assert [await each.ended() for each in running] == [0] * count
    if kind == "file":
        (left,) = tmp_path.iterdir()
        assert left.stat().st_mode & 0o777 == 0o600
        assert not any(hidden in left.read_text() for hidden in ("token-1", SECRET, "the-key"))


async def test_fifty_restarts_log_in_once(tmp_path: Path) -> None:
    """Processes one after the other, each with nothing but the file."""
    async with login_server() as login:
        tokens(login, 3600.0)
        path = tmp_path / "tokens.json"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.tokens.restarts", path, login.url, "50", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert out.decode().split("\n") == ["token-1 0", *["token-1 1"] * 49, ""]
        assert len(login.asked) == 1
    assert list(tmp_path.iterdir()) == [path]


async def test_a_gateway_that_is_killed_while_it_logs_in_holds_nobody_up(tmp_path: Path) -> None:
    """The kernel lets go of its lock; the file that it leaves goes with the next login."""
    async with login_server() as login:
        login.answers = [silence]
        environ = environment(login, f"file:{tmp_path}/tokens.json")
        async with program("run", folder=tmp_path, **environ) as gateway:
            await login.arrived.wait()
            assert len(list(tmp_path.glob(".tokens.json.*.lock"))) == 1
            gateway.process.kill()
            await gateway.ended()
        tokens(login, 3600.0)
        assert await printed(environ, tmp_path) == ("token-2", "")
        assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]


async def test_a_login_that_is_cut_off_leaves_no_lock(tmp_path: Path) -> None:
    """SIGTERM while the login hangs: the gateway ends with 0, and takes its lock along."""
    async with login_server() as login:
        login.answers = [silence]
        environ = environment(login, f"file:{tmp_path}/tokens.json")
        async with program("run", folder=tmp_path, **environ) as gateway:
            await login.arrived.wait()
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_file_is_warned_about_once_and_replaced(tmp_path: Path) -> None:
    """In the log of the gateway, and behind it all is well."""
    path = tmp_path / "tokens.json"
    path.write_text("{ this is no store")
    async with login_server() as login:
        tokens(login, 3600.0)
        environ = environment(login, "file:tokens.json")
        async with program("run", folder=tmp_path, **environ) as gateway:
            told = await gateway.event("the shared store is of no use: logging in without it", level="warning")
            assert told["cause"] == f"{path} is damaged or no token store; the next login replaces it"
            await gateway.event("the shared store is of use again", level="info")
            assert await printed(environ, tmp_path) == ("token-1", "")


async def test_a_store_that_is_of_no_use_is_said_and_costs_a_login(tmp_path: Path) -> None:
    """`iam-proxy token` prints a token all the same; the password in the URL is nowhere."""
    async with login_server() as login, redis_server(tmp_path, "--requirepass", "right") as redis:
        tokens(login, 3600.0)
        text, said = await printed(environment(login, redis.url(":wrong-password@")), tmp_path)
        where = f"redis://127.0.0.1:{redis.port}/0"
        assert text == "token-1"
        assert said == f"warning: the shared store is of no use: {where} refuses the user or the password\n"
        text, said = await printed(environment(login, "file:/no/such/folder/tokens.json"), tmp_path)
        assert text == "token-2"
        assert "No such file or directory" in said
