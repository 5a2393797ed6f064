"""When the configuration is read anew: real files, a clock in the test's hands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from proxy.core.reload_events import FileGone, ReloadBegun, Reloaded, ReloadEvent, ReloadRefused
from proxy.errors import ConfigError, StartError
from proxy.reload import LOOK, RETRY, Reloads, content_of
from tests.tokens.clock import FakeClock


@dataclass
class Desk:
    """A file, and what a test lets become of each reload: an error to raise, or None."""

    file: Path | None
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[ReloadEvent] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0
    cancelled: int = 0

    def __post_init__(self) -> None:
        self.gate.set()
        content = b"" if self.file is None else content_of(str(self.file))
        self.reloads = Reloads(self.file, content, self.reload, self.told.append, self.clock)

    async def reload(self) -> Reloaded:
        """Do as the test says."""
        self.runs += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Reloaded((f"run {self.runs}",))

    async def look(self, times: int = 1) -> None:
        """Let the file be looked at, and what follows from it happen."""
        for _ in range(times):
            self.clock.advance(LOOK)
            if self.reloads._polling.looking.flying:
                await self.reloads._polling.looking.join()
            await self.quiet()

    async def quiet(self) -> None:
        """Wait for the end of the reload that runs, if one does."""
        if self.reloads._running.flying:
            await self.reloads._running.join()

    @property
    def ends(self) -> list[ReloadEvent]:
        """What was told of the ends of reloads, and of the file."""
        return [event for event in self.told if not isinstance(event, ReloadBegun)]


@contextlib.asynccontextmanager
async def desk(file: Path | None, text: str = "one") -> AsyncIterator[Desk]:
    """Watch a file; at the end nothing is left."""
    if file is not None:
        file.write_text(text)
    made = Desk(file)
    made.reloads.start()
    yield made
    await made.reloads.close()
    assert made.clock.pending == []


async def test_a_file_that_stays_is_left_alone(tmp_path: Path) -> None:
    """Also one that is written anew with the same content."""
    async with desk(tmp_path / "c") as it:
        await it.look(3)
        (tmp_path / "c").write_text("one")
        await it.look(3)
        assert it.told == []


async def test_a_change_is_taken_once_it_rests(tmp_path: Path) -> None:
    """At the second look that finds the same: what changes from look to look is still being written."""
    async with desk(tmp_path / "c") as it:
        for part in ("t", "tw", "two"):
            (tmp_path / "c").write_text(part)
            await it.look()
        assert it.told == []
        await it.look()
        assert it.told == [ReloadBegun(), Reloaded(("run 1",))]
        await it.look(5)
        assert it.runs == 1


async def test_a_link_that_is_swapped(tmp_path: Path) -> None:
    """As Kubernetes does it: `..data` points to another folder."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "c").write_text(name)
    (tmp_path / "..data").symlink_to("a")
    (tmp_path / "c").symlink_to("..data/c")
    it = Desk(tmp_path / "c")
    it.reloads.start()
    (tmp_path / "..new").symlink_to("b")
    (tmp_path / "..new").replace(tmp_path / "..data")
    await it.look(2)
    assert it.runs == 1
    await it.reloads.close()


async def test_mistakes_are_told_once_and_tried_again(tmp_path: Path) -> None:
    """With the next change, and after a minute: what the file names may have come only now."""
    async with desk(tmp_path / "c") as it:
        it.error = ConfigError(["c:1: wrong", "c:2: wrong too"])
        (tmp_path / "c").write_text("bad")
        await it.look(10)
        refused = ReloadRefused(("c:1: wrong", "c:2: wrong too"))
        assert (it.ends, it.runs) == ([refused], 1)
        await it.look(round(RETRY / LOOK))
        assert (it.ends, it.runs) == ([refused, ReloadRefused(refused.mistakes, again=True)], 2)
        it.error = None
        await it.look(round(RETRY / LOOK))
        assert it.ends[2:] == [Reloaded(("run 3",))]
        await it.look(round(RETRY / LOOK) + 1)
        assert it.runs == 3


async def test_what_is_asked_for_is_told_again(tmp_path: Path) -> None:
    """Who sends a signal wants to know, also what is known."""
    async with desk(tmp_path / "c") as it:
        it.error = StartError("cannot listen")
        for _ in range(2):
            it.reloads.ask()
            await it.quiet()
        assert it.ends == [ReloadRefused(("cannot listen",))] * 2


async def test_a_storm_is_two_reloads(tmp_path: Path) -> None:
    """The one that runs, and one more for all who have asked meanwhile."""
    async with desk(tmp_path / "c") as it:
        it.gate.clear()
        for _ in range(20):
            it.reloads.ask()
            await asyncio.sleep(0)
        it.gate.set()
        await it.quiet()
        assert it.runs == 2


async def test_a_file_that_vanishes(tmp_path: Path) -> None:
    """Told once; what it said stays, and it counts again when it is back."""
    async with desk(tmp_path / "c") as it:
        (tmp_path / "c").unlink()
        await it.look(3)
        assert it.told == [FileGone(f"{tmp_path / 'c'}: No such file or directory")]
        (tmp_path / "c").write_text("one")
        await it.look(3)
        assert it.runs == 0
        (tmp_path / "c").write_text("two")
        await it.look(2)
        assert it.runs == 1


async def test_a_defect_ends_nothing(tmp_path: Path) -> None:
    """It is told by its kind, and the next reload is made."""
    async with desk(tmp_path / "c") as it:
        it.error = KeyError("x")
        it.reloads.ask()
        await it.quiet()
        it.error = None
        it.reloads.ask()
        await it.quiet()
        assert it.ends == [ReloadRefused(("a defect of iam-proxy: KeyError: 'x'",)), Reloaded(("run 2",))]


async def test_without_a_file_it_is_asked_for() -> None:
    """No timer is set."""
    async with desk(None) as it:
        assert it.clock.pending == []
        it.reloads.ask()
        await it.quiet()
        assert it.runs == 1


async def test_the_end_while_a_reload_runs(tmp_path: Path) -> None:
    """It is cancelled, and none is made from then on."""
    async with desk(tmp_path / "c") as it:
        it.gate.clear()
        it.reloads.ask()
        while not it.runs:  # noqa: ASYNC110  a thread reads the file first
            await asyncio.sleep(0)
        await it.reloads.close()
        it.reloads.ask()
        assert (it.cancelled, it.reloads._running.flying) == (1, False)
