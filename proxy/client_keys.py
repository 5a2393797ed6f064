"""The client keys as their places hold them now: a new one is taken within seconds, without a restart."""

import asyncio
from collections.abc import Callable, Mapping

from proxy.core.keys import Keys
from proxy.core.secret import Secret, SecretSource
from proxy.core.token_events import KeyChanged, KeyUnavailable
from proxy.errors import SecretUnavailable, StartError
from proxy.tokens.clock import Clock
from proxy.tokens.polling import Polling
from proxy.tokens.secrets import poll

Tell = Callable[[KeyChanged | KeyUnavailable], None]


class KeyWatch:
    """Reads the keys at start, and as often as their sources say; those that cannot be read stay as they were.

    `table` is the one of the configuration where they stand.
    """

    def __init__(
        self,
        sources: Mapping[str, SecretSource],
        keys: Keys,
        clock: Clock,
        tell: Tell,
        table: str = "access.client_keys",
    ) -> None:
        self._sources = sources
        self._keys = keys
        self._tell = tell
        self._table = table
        self._known: dict[str, Secret] = {}
        self._missing: set[str] = set()
        self._polling = Polling(clock, poll(sources), self._read)

    async def start(self) -> None:
        """Read every key, and watch them. Raises StartError for one that cannot be read."""
        for name, source in self._sources.items():
            try:
                self._known[name] = await asyncio.to_thread(source.read)
            except SecretUnavailable as error:
                raise StartError(f"{self._table}.{name}: {error}") from None
            self._keys.set(name, self._known[name])
        self._polling.start()

    async def close(self) -> None:
        """Watch no longer, and leave no task behind."""
        await self._polling.close()

    async def _read(self) -> None:
        for name, source in self._sources.items():
            if source.poll is not None:
                await self._read_one(name, source)

    async def _read_one(self, name: str, source: SecretSource) -> None:
        try:
            found = await asyncio.to_thread(source.read)
        except SecretUnavailable as error:
            # Perhaps a file between two versions; said once, and looked at again.
            if name not in self._missing:
                self._missing.add(name)
                self._tell(KeyUnavailable(name, str(error)))
            return
        self._missing.discard(name)
        if found != self._known[name]:
            self._known[name] = found
            self._keys.set(name, found)
            self._tell(KeyChanged(name))
