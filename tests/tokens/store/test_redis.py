"""The store in a Redis, the real one."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.core.secret import Secret
from proxy.core.store import StoreServer
from proxy.errors import StoreDamaged, StoreError
from proxy.tokens.store.redis import LOCK_LIFE, RedisStore
from tests.fakes.ports import free_port
from tests.fakes.redis import RedisServer, certificate, redis_server
from tests.fakes.server import serving
from tests.fakes.store import locked, put

DOCUMENT = Path(__file__).parents[3] / "docs" / "shared-tokens.md"

pytestmark = pytest.mark.usefixtures("loop_factory")


@contextlib.asynccontextmanager
async def store(url: str) -> AsyncIterator[RedisStore]:
    """Open a store, closed at the end."""
    made = RedisStore(StoreServer(Secret(url)))
    try:
        yield made
    finally:
        await made.close()


async def read(made: RedisStore, name: str) -> bytes | None:
    """Return the bytes under a name."""
    kept = await made.read(name)
    return None if kept is None else kept.sealed


async def refused(url: str) -> str:
    """Return why a store is of no use."""
    async with store(url) as made:
        with pytest.raises(StoreError) as failed:
            await made.read("a")
    return str(failed.value)


async def test_what_is_kept_is_read_by_another_with_what_is_left_of_it(tmp_path: Path) -> None:
    """Counted by Redis; every key under one prefix, and none without an end."""
    async with redis_server(tmp_path) as server, store(server.url()) as one, store(server.url()) as other:
        assert await other.read("a") is None
        await put(one, "a", b"\x00first", 100.0)
        kept = await other.read("a")
        assert kept is not None
        assert kept.sealed == b"\x00first"
        assert kept.left is not None
        assert 0 < kept.left <= 100.0
        async with server.client() as client:
            assert await client.keys("*") == [b"iam-proxy:a"]


async def test_one_holds_the_lock_and_leaves_nothing(tmp_path: Path) -> None:
    """It has an end from the start; released, it is gone and free."""
    async with redis_server(tmp_path) as server, store(server.url()) as one, store(server.url()) as other:
        async with locked(one, "a"), server.client() as client:
            assert await other.lock("a", 10.0) is None
            assert 0 < await client.pttl("iam-proxy:a:lock") <= LOCK_LIFE * 1000
        async with locked(other, "a"):
            pass
        async with server.client() as client:
            assert await client.keys("*") == []


async def test_the_lock_is_renewed_while_it_is_held(tmp_path: Path) -> None:
    """What is left of it grows again, for as long as its holder lives."""
    async with redis_server(tmp_path) as server, store(server.url()) as made, server.client() as client:
        async with locked(made, "a"):
            lowest = last = await client.pttl("iam-proxy:a:lock")
            while last <= lowest:
                lowest, last = min(lowest, last), await client.pttl("iam-proxy:a:lock")
                await asyncio.sleep(0.01)
        assert lowest < LOCK_LIFE * 1000 - 500


async def test_a_lock_that_was_lost_writes_and_frees_nothing(tmp_path: Path) -> None:
    """Each asks for its own fencing value first."""
    async with redis_server(tmp_path) as server, store(server.url()) as made, server.client() as client:
        lost = await made.lock("a", 10.0)
        assert lost is not None
        await client.delete("iam-proxy:a:lock")
        async with locked(made, "a"):
            await lost.put("a", b"older", 100.0)
            await lost.release()
            assert await client.exists("iam-proxy:a:lock") == 1
            assert await read(made, "a") is None


@pytest.mark.parametrize("kind", ["without an end", "another kind"])
async def test_what_is_foreign_is_told_and_written_over(kind: str, tmp_path: Path) -> None:
    """A key that we did not put there: as good as none."""
    async with redis_server(tmp_path) as server, store(server.url()) as made, server.client() as client:
        if kind == "another kind":
            await client.rpush("iam-proxy:a", "x")
        else:
            await client.set("iam-proxy:a", "x")
        with pytest.raises(StoreDamaged, match=kind):
            await made.read("a")
        await put(made, "a", b"first")
        assert await read(made, "a") == b"first"


@pytest.mark.parametrize("kind", ["without an end", "another kind"])
async def test_a_foreign_lock_is_no_lock_to_wait_for(kind: str, tmp_path: Path) -> None:
    """It would never be given back."""
    async with redis_server(tmp_path) as server, store(server.url()) as made, server.client() as client:
        if kind == "another kind":
            await client.rpush("iam-proxy:a:lock", "x")
        else:
            await client.set("iam-proxy:a:lock", "x")
        with pytest.raises(StoreError, match=kind):
            await made.lock("a", 10.0)


@pytest.mark.parametrize("user", ["", ":wrong-hunter2@", "iam:wrong-hunter2@"])
async def test_a_wrong_password_is_said_and_not_shown(user: str, tmp_path: Path) -> None:
    """Missing, wrong, or of an unknown user."""
    async with redis_server(tmp_path, "--requirepass", "hunter2") as server:
        said = await refused(server.url(user))
        assert said == f"redis://127.0.0.1:{server.port}/0 refuses the user or the password"


async def test_a_user_with_few_rights_is_enough(tmp_path: Path) -> None:
    """The rights that docs/shared-tokens.md names, on the keys of the prefix alone."""
    words = re.findall(r"ACL SETUSER iam on >PASSWORD ~(\S+) (.+)", DOCUMENT.read_text(encoding="utf-8"))
    ((keys, rights),) = words
    async with redis_server(tmp_path) as server:
        async with server.client() as client:
            await client.acl_setuser("iam", enabled=True, passwords="+p%ss:w@rd", keys=[keys], commands=rights.split())
        async with store(server.url("iam:p%25ss%3Aw%40rd@")) as made:
            await put(made, "a", b"first")
            assert await read(made, "a") == b"first"


async def test_a_right_that_is_missing_is_said_by_its_kind(tmp_path: Path) -> None:
    """And nothing of what was sent."""
    async with redis_server(tmp_path) as server:
        async with server.client() as client:
            await client.acl_setuser("iam", enabled=True, passwords="+p", keys=["iam-proxy:*"], commands=["+get"])
        assert (await refused(server.url("iam:p@"))).endswith("/0 does not let this user do what is needed")


async def test_a_full_redis_is_said_by_its_kind(tmp_path: Path) -> None:
    """It takes no lock, so nothing waits for one."""
    async with redis_server(tmp_path, "--maxmemory", "1") as server, store(server.url()) as made:
        with pytest.raises(StoreError, match="has no memory left"):
            await made.lock("a", 10.0)


async def test_a_redis_that_comes_back_is_found_again(tmp_path: Path) -> None:
    """Killed, it is refused; restarted, the very next call works, over a new connection."""
    async with redis_server(tmp_path) as server, store(server.url()) as made:
        await put(made, "a", b"first")
        await server.kill()
        with pytest.raises(StoreError, match="cannot be reached: Connection refused"):
            await made.read("a")
        await server.start()
        assert await read(made, "a") is None
        await server.kill()
        await server.start()
        await put(made, "a", b"second")
        assert await read(made, "a") == b"second"


async def test_a_lock_whose_redis_has_gone_is_let_go(tmp_path: Path) -> None:
    """Neither renewal nor release raise anything but what is ours, and no task is left."""
    async with redis_server(tmp_path) as server, store(server.url()) as made:
        lock = await made.lock("a", 10.0)
        assert lock is not None
        await server.kill()
        with pytest.raises(StoreError):
            await lock.put("a", b"first", 1.0)
        with pytest.raises(StoreError):
            await lock.release()


async def test_what_is_no_redis() -> None:
    """Nobody listens; somebody closes; somebody speaks HTTP: said, without a byte of it."""
    assert "Connection refused" in await refused(f"redis://127.0.0.1:{free_port()}")
    assert "its host name has no address" in await refused("redis://no-such-host.invalid")

    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 hunter2\r\n\r\n")
        await writer.drain()

    for visit in (close, speak):
        async with serving(visit) as port:
            said = await refused(f"redis://127.0.0.1:{port}")
            assert said.startswith(f"redis://127.0.0.1:{port} ")
            assert "hunter2" not in said


async def test_one_that_hangs_can_be_left_at_any_time() -> None:
    """Cancelled while it waits for an answer, nothing is left of it; left alone, it is given up."""
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        asked.put_nowait(await reader.read(1))
        await asyncio.Event().wait()

    async with serving(hang) as port, store(f"redis://127.0.0.1:{port}") as made:
        for _ in range(2):
            waiting = asyncio.create_task(made.lock("a", 10.0))
            assert await asked.get() == b"*"
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    async with serving(hang) as port:
        assert (await refused(f"redis://127.0.0.1:{port}")).endswith("has not answered within 1.5 s")


async def test_tls(tmp_path: Path) -> None:
    """With the server's authority in the URL; without it the certificate does not verify."""
    ca = certificate(tmp_path)
    async with redis_server(tmp_path, "--requirepass", "hunter2", tls=True) as server:
        async with store(server.url(":hunter2@", f"?ssl_ca_certs={ca}")) as made:
            await put(made, "a", b"first")
            assert await read(made, "a") == b"first"
        said = await refused(server.url(":hunter2@"))
        assert "cannot be reached: its certificate does not verify: " in said
        assert "hunter2" not in said
        assert "cannot be reached" in await refused(f"redis://127.0.0.1:{server.port}")
        assert "hunter2" not in await refused(server.url(":hunter2@", "?ssl_ca_certs=/no/such/file"))


async def test_its_form_for_people_has_no_password(tmp_path: Path) -> None:
    """Nor has that of what it is made from."""
    server = RedisServer(tmp_path, port=6379)
    async with store(server.url("iam:hunter2@")) as made:
        assert repr(made) == "RedisStore(redis://127.0.0.1:6379/0)"
