"""Secrets that are tokens themselves: sent as they are, read anew when they change or are refused."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.config.secrets import File
from proxy.core.credential import Credential
from proxy.core.held import Held
from proxy.core.secret import SecretSource
from proxy.core.token_events import LoginSucceeded, TokenEvent
from proxy.errors import LoginUnavailable
from proxy.tokens.cache import token_cache
from proxy.tokens.given import Given
from proxy.tokens.reuse import Reuse
from tests.core import secrets
from tests.tokens.clock import FakeClock


class Told:
    """A source of held tokens on a fake clock, and how a test waits for what it does in a thread."""

    def __init__(self, held: Held) -> None:
        self.clock = FakeClock()
        self.news = asyncio.Event()
        self.events: list[TokenEvent] = []
        self.reuse = Reuse(
            Given(held, clock=self.clock),
            Credential("static", held),
            clock=self.clock,
            cache=token_cache(self.clock),
            random=lambda: 0.0,
            on_event=self._told,
        )

    def _told(self, event: TokenEvent) -> None:
        self.events.append(event)
        self.news.set()

    async def told(self) -> TokenEvent:
        """Wait for the next event and return it."""
        async with asyncio.timeout(10):
            await self.news.wait()
        self.news.clear()
        return self.events[-1]

    async def value(self) -> str:
        """Return what would be sent."""
        return (await self.reuse.token()).value


@asynccontextmanager
async def held(secret: SecretSource, username: SecretSource | None = None) -> AsyncIterator[Told]:
    """Start a source, and wait until it has read its secrets."""
    made = Told(Held(secret, username))
    made.reuse.start()
    await made.told()
    yield made
    await made.reuse.close()
    assert made.clock.pending == []


async def test_a_static_token_is_the_secret() -> None:
    """It does not end, and no timer is set for it."""
    async with held(secrets.Given("abc")) as it:
        assert await it.value() == "abc"
        assert it.clock.pending == []
        it.clock.advance(1e9)
        assert await it.value() == "abc"
        assert it.reuse.state.live


async def test_basic_is_both_in_base64() -> None:
    """RFC 7617 §2, in UTF-8."""
    async with held(secrets.Given("pä:ss"), secrets.Given("me")) as it:
        assert base64.b64decode(await it.value()).decode() == "me:pä:ss"


async def test_a_secret_that_no_field_can_carry() -> None:
    """Said without quoting it."""
    made = Told(Held(secrets.Given("two words")))
    with pytest.raises(LoginUnavailable) as caught:
        await made.reuse.token()
    assert "two words" not in caught.value.cause
    await made.reuse.close()


def kubernetes(folder: Path, version: str, text: str) -> None:
    """Mount a secret as the kubelet does: a folder of its own, and a link that is swapped to it."""
    target = folder / version
    target.mkdir()
    (target / "token").write_text(text)
    os.utime(target / "token", (1_600_000_000, 1_600_000_000))  # the time of change may well be the same
    (folder / "..next").symlink_to(version)
    (folder / "..next").rename(folder / "..data")
    if not (folder / "token").is_symlink():
        (folder / "token").symlink_to("..data/token")


async def test_a_link_that_kubernetes_swaps_is_noticed(tmp_path: Path) -> None:
    """Within one look, also where neither the time of change nor the size tells."""
    kubernetes(tmp_path, "..2026_1", "first!\n")
    async with held(File(tmp_path / "token")) as it:
        assert await it.value() == "first!"
        kubernetes(tmp_path, "..2026_2", "second\n")
        it.clock.advance(5.0)
        assert isinstance(await it.told(), LoginSucceeded)
        assert await it.value() == "second"


async def test_a_refused_file_is_read_at_once(tmp_path: Path) -> None:
    """Whoever swaps it may have revoked the old one before the next look."""
    (tmp_path / "token").write_text("first")
    async with held(File(tmp_path / "token")) as it:
        first = await it.reuse.token()
        (tmp_path / "token").write_text("second")
        renewed = await it.reuse.renew(first, "GET /")
        assert renewed is not None
        assert renewed.value == "second"


async def test_a_refusal_that_reading_does_not_mend_is_passed_on() -> None:
    """A token that may not do everything is not read for each request that it may not do."""
    async with held(secrets.Given("abc")) as it:
        for _ in range(100):
            assert await it.reuse.renew(await it.reuse.token(), "GET /forbidden") is None
        assert sum(isinstance(event, LoginSucceeded) for event in it.events) == 2
        assert await it.value() == "abc"


async def test_a_file_that_vanishes_costs_nothing(tmp_path: Path) -> None:
    """What was read serves on; the next version is taken when it is there."""
    (tmp_path / "token").write_text("first")
    async with held(File(tmp_path / "token")) as it:
        (tmp_path / "token").unlink()
        it.clock.advance(5.0)
        assert await it.value() == "first"
