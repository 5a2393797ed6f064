"""When the configuration is read anew: on a signal, and when its file has changed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from proxy.core.reload_events import FileGone, ReloadBegun, Reloaded, ReloadEvent, ReloadRefused
from proxy.errors import ConfigError, StartError
from proxy.tokens.clock import Clock
from proxy.tokens.polling import Polling
from proxy.tokens.singleflight import SingleFlight

# How often the file is looked at, in seconds. A change is taken at the second look that finds the same content: an
# editor that is still writing has most likely left half a file, which may be without mistakes.
LOOK = 2.0
# When a file that was refused is tried again although it is the same, in seconds: secrets that it names may have come
# only now (an orchestrator brings them one by one). Each try reads all, and a command may ask a service that counts.
RETRY = 60.0


class Reloads:
    """Runs `reload` when it is asked to and when `file` has changed: one at a time, one more for all who ask meanwhile.

    `reload` raises ConfigError or StartError where nothing has changed. Without a file it runs only when asked. The
    content is compared, so it does not matter how a file is replaced; `content` is what it held when it was read last.
    """

    def __init__(
        self,
        file: Path | None,
        content: bytes,
        reload: Callable[[], Awaitable[Reloaded]],
        tell: Callable[[ReloadEvent], None],
        clock: Clock,
    ) -> None:
        self._file = file
        self._reload = reload
        self._tell = tell
        self._now = clock.time
        self._running: SingleFlight[None] = SingleFlight()
        self._polling = Polling(clock, None if file is None else LOOK, self._look)
        self._asked = self._closed = False
        self._tried = content  # what the last reload was about
        self._found = content  # what the last look has found
        self._gone = False
        self._refused: tuple[str, ...] = ()  # the mistakes of the last reload, and when to try again
        self._retry_at = 0.0

    def start(self) -> None:
        """Look at the file from now on, until `close`."""
        self._polling.start()

    def ask(self) -> None:
        """Reload now, or once more behind the reload that runs; mistakes are told although they are the same."""
        self._refused = ()
        self._begin()

    async def close(self) -> None:
        """Reload no more; one that runs ends here, and changes nothing."""
        self._closed = True
        await self._polling.close()
        await self._running.close()

    def _begin(self) -> None:
        if not self._closed:
            self._asked = True
            self._running.begin(self._run)

    async def _run(self) -> None:
        while self._asked:
            self._asked = False
            await self._once()

    async def _once(self) -> None:
        self._tell(ReloadBegun())
        if self._file is not None:
            with contextlib.suppress(OSError):  # before it is read for good: it may change at any moment
                self._tried = await asyncio.to_thread(self._file.read_bytes)
        before, self._refused = self._refused, ()
        try:
            self._tell(await self._reload())
        except ConfigError as error:
            self._refused = tuple(error.mistakes)
        except StartError as error:
            self._refused = (str(error),)
        except Exception as error:  # noqa: BLE001  a defect must not end what is being served
            self._refused = (f"a defect of iam-proxy: {type(error).__name__}: {error}",)
        if self._refused:
            self._retry_at = self._now() + RETRY
            self._tell(ReloadRefused(self._refused, again=self._refused == before))

    async def _look(self) -> None:
        """Reload if the file has changed and is whole, or if it is time to try it again."""
        assert self._file is not None  # noqa: S101  nobody looks where there is none
        try:
            content = await asyncio.to_thread(self._file.read_bytes)
        except OSError as error:
            if not self._gone:
                self._gone = True
                self._tell(FileGone(f"{self._file}: {error.strerror}"))
            return
        before, self._found, self._gone = self._found, content, False
        changed = content != self._tried and content == before
        if changed or (self._refused and content == self._tried and self._now() >= self._retry_at):
            self._begin()


def content_of(name: str | None) -> bytes:
    """Return what a file holds; nothing where there is none."""
    with contextlib.suppress(OSError):
        return b"" if name is None else Path(name).read_bytes()
    return b""
