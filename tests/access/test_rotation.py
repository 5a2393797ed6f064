"""Client keys that change while the gateway runs."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from proxy.client_keys import KeyWatch
from proxy.config.secrets import FILE_POLL, File, Literal
from proxy.core.access import Access
from proxy.core.keys import Keys
from proxy.core.secret import SecretSource
from proxy.core.token_events import KeyChanged, KeyUnavailable
from proxy.errors import StartError
from tests.fakes.gateway import RawClient
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.test_app import Seen, client_of, config, running
from tests.tokens.clock import FakeClock


@dataclass
class Watched:
    """The keys of two callers, one of them in a file, and what is told of them."""

    file: Path
    keys: Keys = field(default_factory=Keys)
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[KeyChanged | KeyUnavailable] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write("first\n")
        sources: dict[str, SecretSource] = {"cron": File(self.file), "excel": Literal("fixed")}
        self.watch = KeyWatch(sources, self.keys, self.clock, self.told.append)

    def write(self, text: str) -> None:
        """Put another key into the file."""
        self.file.write_text(text)

    async def pass_time(self) -> None:
        """Let the keys be looked at once."""
        self.clock.advance(FILE_POLL)
        await self.watch._polling.looking.join()

    def owners(self, *texts: bytes) -> list[str | None]:
        """Return whose these keys are now."""
        return [self.keys.owner(text) for text in texts]


async def test_a_rotated_key(tmp_path: Path) -> None:
    """Looked at every five seconds; the new one opens, the old one does not, the others are as before."""
    it = Watched(tmp_path / "key")
    await it.watch.start()
    assert it.owners(b"first", b"second", b"fixed") == ["cron", None, "excel"]
    it.write("second")
    await it.pass_time()
    assert it.owners(b"first", b"second", b"fixed") == [None, "cron", "excel"]
    await it.pass_time()
    assert it.told == [KeyChanged("cron")]
    await it.watch.close()
    assert it.clock.pending == []


async def test_a_key_that_is_gone_for_a_while(tmp_path: Path) -> None:
    """Said once; the one before stays in force until there is another."""
    it = Watched(tmp_path / "key")
    await it.watch.start()
    it.file.unlink()
    await it.pass_time()
    it.write("")
    await it.pass_time()
    assert it.owners(b"first", b"") == ["cron", None]
    assert it.told == [KeyUnavailable("cron", f"{it.file}: No such file or directory")]
    it.write("second")
    await it.pass_time()
    assert it.owners(b"first", b"second") == [None, "cron"]
    it.file.unlink()
    await it.pass_time()
    assert it.told[1:] == [KeyChanged("cron"), KeyUnavailable("cron", f"{it.file}: No such file or directory")]
    await it.watch.close()


async def test_keys_that_cannot_change_are_not_looked_at() -> None:
    """Literals and variables: no timer."""
    clock = FakeClock()
    watch = KeyWatch({"excel": Literal("fixed")}, Keys(), clock, lambda _: None)
    await watch.start()
    assert clock.pending == []
    await watch.close()


async def test_an_end_while_a_key_is_read(tmp_path: Path) -> None:
    """Nothing is left on the loop, and nothing is looked at any more."""
    it = Watched(tmp_path / "key")
    await it.watch.start()
    it.clock.advance(FILE_POLL)
    await asyncio.sleep(0)
    await it.watch.close()
    assert (it.clock.pending, it.watch._polling.looking.flying) == ([], False)


async def test_a_key_that_is_not_there_at_start(tmp_path: Path) -> None:
    """The gateway does not start: it would answer nobody."""
    access = Access(client_keys={"cron": File(tmp_path / "no.key")})
    settings = replace(config(1), access=access)
    with pytest.raises(StartError, match=r"access\.client_keys\.cron: .*no\.key: No such file"):
        async with running(settings):
            pass


async def status(client: RawClient, key: str) -> int:
    """Return the status of a request with a key."""
    return (await client.get("/", f"X-Proxy-Key: {key}")).status


@pytest.mark.usefixtures("loop_factory")
async def test_a_running_gateway(tmp_path: Path) -> None:
    """A file that is written anew works without a restart, also for connections that are open."""
    file, seen = tmp_path / "key", Seen()
    file.write_text("first")
    access = Access(client_keys={"cron": File(file, poll=0.001)})
    async with (
        raw_origin(Platform().visit) as origin,
        running(replace(config(origin.port), access=access), seen) as app,
        client_of(app) as client,
    ):
        assert (await status(client, "first"), await status(client, "second")) == (200, 401)
        file.write_text("second")
        while await status(client, "second") == 401:
            pass
        assert (await status(client, "first"), await status(client, "second")) == (401, 200)
    assert app.generation.key_watch._polling._timer is None
    assert KeyChanged("cron") in seen.tokens
    assert {fact.client for fact in seen.finished} == {"cron", None}
