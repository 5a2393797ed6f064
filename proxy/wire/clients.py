"""The connections of clients that are open now."""

import asyncio
from collections.abc import Iterator
from typing import Protocol


class Client(Protocol):
    """One connection of a client."""

    def leave(self) -> None:
        """Take no further request."""
        ...

    def abort(self) -> None:
        """End at once."""
        ...


class Clients:
    """A set that can be waited on until it is empty."""

    def __init__(self) -> None:
        self._open: set[Client] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._open))

    def add(self, client: Client) -> None:
        """A client has connected."""
        self._open.add(client)
        self._empty.clear()

    def discard(self, client: Client) -> None:
        """A client is gone."""
        self._open.discard(client)
        if not self._open:
            self._empty.set()

    async def gone(self) -> None:
        """Wait until no client is left."""
        await self._empty.wait()
