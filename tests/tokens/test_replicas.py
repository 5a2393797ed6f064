"""Replicas on a real Redis, with real logins on real clocks."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from proxy.core.secret import Secret
from proxy.core.store import StoreServer
from proxy.core.token_events import LoginSucceeded, StoreFailed, StoreRestored, TokenFound
from proxy.tokens.login import Login
from proxy.tokens.seal import Seal
from tests.fakes.redis import RedisServer, redis_server
from tests.tokens.login_server import LoginServer, answer, login_server, session
from tests.tokens.sources import SECRET, Gateway, described, gateway

# As short as leaves room for a machine that is busy: the replicas refresh within 0.3 s of each other, and the next
# refresh is 2 s away.
LIFETIME = 3.0


def tokens(server: LoginServer, lifetime: float) -> None:
    """Let each login give a token of its own."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(session(f"token-{len(server.asked)}", token_duration=lifetime)))

    server.answers = [script]


def place(redis: RedisServer, user: str = "") -> StoreServer:
    """Return where the store is."""
    return StoreServer(Secret(redis.url(user)))


@contextlib.asynccontextmanager
async def replicas(count: int, redis: RedisServer, login: LoginServer) -> AsyncIterator[list[Gateway]]:
    """Run so many replicas."""
    async with contextlib.AsyncExitStack() as stack:
        running = [gateway(place(redis), described(login.url)) for _ in range(count)]
        yield [await stack.enter_async_context(each) for each in running]


async def contents(redis: RedisServer, password: str | None = None) -> dict[bytes, bytes]:
    """Return all that lies in a Redis."""
    async with redis.client(password) as client:
        names: list[Any] = await client.keys("*")
        values: list[Any] = [await client.get(name) for name in names]
        return dict(zip(names, values, strict=True))


async def test_four_replicas_log_in_once_in_each_lifetime(tmp_path: Path) -> None:
    """Four lifetimes of three seconds: each replica has had each token, in order, and none besides."""
    async with redis_server(tmp_path) as redis, login_server() as login:
        tokens(login, LIFETIME)
        async with replicas(4, redis, login) as running:
            for each in running:
                assert await each.issuer.issued(4) == ["token-1", "token-2", "token-3", "token-4"]
            assert sum(each.told(LoginSucceeded) for each in running) == len(login.asked)
        assert [name for name in await contents(redis) if name.endswith(b"lock")] == []


async def test_a_redis_that_goes_and_comes_back_costs_a_login_each_and_no_token_less(tmp_path: Path) -> None:
    """The replicas go on by themselves, say so once, and have one token for all again once it is back."""
    async with redis_server(tmp_path) as redis, login_server() as login:
        tokens(login, LIFETIME)
        async with replicas(4, redis, login) as running:
            for each in running:
                await each.issuer.issued(1)
            await redis.kill()
            alone = [(await each.issuer.issued(2))[1] for each in running]
            assert len(set(alone)) == 4
            assert all(each.reuse.current() is not None for each in running)
            assert [each.told(StoreFailed) for each in running] == [1] * 4
            await redis.start()
            # the first one back lays its token there, the others find it: at most one lifetime later all are one
            third = {(await each.issuer.issued(3))[2] for each in running}
            fourth = {(await each.issuer.issued(4))[3] for each in running}
            assert (len(third), len(fourth)) == (1, 1)
            assert [each.told(StoreRestored) for each in running] == [1] * 4
            assert len(login.asked) == 1 + 4 + 2


async def test_a_holder_that_is_killed_holds_nobody_up(tmp_path: Path) -> None:
    """A real process, a real SIGKILL while it holds the lock: it ends by itself, and the next one logs in."""
    code = (
        "import asyncio, sys\n"
        "from proxy.core.secret import Secret\n"
        "from proxy.core.store import StoreServer\n"
        "from proxy.tokens.store.redis import RedisStore\n"
        "async def main():\n"
        "    lock = await RedisStore(StoreServer(Secret(sys.argv[1]))).lock(sys.argv[2], 60)\n"
        "    print(lock is not None, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    async with redis_server(tmp_path) as redis, login_server() as login:
        credential = described(login.url)
        identity = await Login(credential, clock=asyncio.get_running_loop()).identify()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, redis.url(), Seal(identity.key).name, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"True\n"
        async with gateway(place(redis), credential) as waiting:
            asked = asyncio.create_task(waiting.reuse.token())
            process.kill()
            await process.communicate()
            await asked
            assert waiting.told(LoginSucceeded) == 1
            assert waiting.told(StoreFailed) == 0
        assert len(login.asked) == 1
        assert [name for name in await contents(redis) if name.endswith(b"lock")] == []


async def test_a_wrong_password_costs_a_login_and_is_said(tmp_path: Path) -> None:
    """The token is there all the same; neither the password nor the URL with it is told."""
    async with redis_server(tmp_path, "--requirepass", "right") as redis, login_server() as login:
        async with gateway(place(redis, ":wrong-password@"), described(login.url)) as it:
            await it.reuse.token()
            assert it.told(StoreFailed) == 1
            assert "wrong-password" not in repr(it.events)
        assert len(login.asked) == 1
        assert await contents(redis, "right") == {}


async def test_a_stolen_store_is_worthless(tmp_path: Path) -> None:
    """No byte of token or secret, in names or values; and whoever has other keys finds and reads nothing."""
    async with redis_server(tmp_path) as redis, login_server() as login:
        tokens(login, 3600.0)
        async with gateway(place(redis), described(login.url)) as it:
            text = (await it.reuse.token()).value
            stolen = repr(await contents(redis))
            for hidden in (text, SECRET, "the-key"):
                assert hidden not in stolen
        async with gateway(place(redis), described(login.url, "another secret")) as other:
            assert (await other.reuse.token()).value == "token-2"
            assert other.told(TokenFound) == 0
        assert len(await contents(redis)) == 2


async def test_what_is_foreign_in_redis_is_written_over(tmp_path: Path) -> None:
    """Garbage under our own name: one login, and the next replica finds its token."""
    async with redis_server(tmp_path) as redis, login_server() as login:
        tokens(login, 3600.0)
        async with gateway(place(redis), described(login.url)) as it:
            await it.reuse.token()
        (name,) = await contents(redis)
        async with redis.client() as client:
            await client.set(name, b"garbage", px=100_000)
        for found in (0, 1):
            async with gateway(place(redis), described(login.url)) as it:
                assert (await it.reuse.token()).value == "token-2"
                assert (it.told(TokenFound), it.told(StoreFailed)) == (found, 1 - found)
