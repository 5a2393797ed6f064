"""`iam-proxy token` with a shared store."""

import asyncio
import time
from pathlib import Path

import pytest

from proxy.core.note import TokenNote
from proxy.core.store import StoreFile
from proxy.errors import LoginRejected
from proxy.probe import token
from proxy.tokens.login import Login
from proxy.tokens.seal import Seal
from proxy.tokens.store.file import FileStore
from tests.tokens.login_server import LoginServer, answer, login_server, session
from tests.tokens.sources import described


async def stored(path: Path, server: LoginServer, age: float) -> None:
    """Lay a token of a thousand seconds there, issued so long ago."""
    identity = await Login(described(server.url), clock=asyncio.get_running_loop()).identify()
    store, seal = FileStore(str(path)), Seal(identity.key)
    lock = await store.lock(seal.name, 10.0)
    assert lock is not None
    await lock.put(seal.name, seal.close(TokenNote("kept", 1000.0, time.time() - age)), 1000.0 - age)
    await lock.release()
    await store.close()


async def printed(path: Path | None, server: LoginServer) -> list[str]:
    """Return what is printed; nothing is warned about."""
    said: list[str] = []
    warned: list[str] = []
    place = None if path is None else StoreFile(str(path))
    assert await token(described(server.url), place, said.append, warned.append) == 0
    assert warned == []
    return said


async def test_a_fresh_token_of_the_store_is_printed_without_a_login(tmp_path: Path) -> None:
    """As the gateways use it."""
    async with login_server() as server:
        await stored(tmp_path / "tokens.json", server, 100.0)
        assert await printed(tmp_path / "tokens.json", server) == ["kept"]
        assert server.asked == []


async def test_a_stale_one_is_replaced_and_serves_where_the_login_fails(tmp_path: Path) -> None:
    """Whoever prints it wants to use it for a while; any is better than none."""
    down = answer(b"", status="503 Service Unavailable")
    async with login_server(down) as server:
        await stored(tmp_path / "tokens.json", server, 900.0)
        assert await printed(tmp_path / "tokens.json", server) == ["kept"]
        assert len(server.asked) == 1
    async with login_server(answer(session("new"))) as server:
        await stored(tmp_path / "tokens.json", server, 900.0)
        assert [await printed(tmp_path / "tokens.json", server) for _ in range(2)] == [["new"], ["new"]]
        assert len(server.asked) == 1


async def test_without_a_store_there_is_a_login_each_time() -> None:
    """And its failure is the command's."""
    async with login_server(answer(session("one")), answer(b"{}", status="401 Unauthorized")) as server:
        assert await printed(None, server) == ["one"]
        with pytest.raises(LoginRejected):
            await printed(None, server)
