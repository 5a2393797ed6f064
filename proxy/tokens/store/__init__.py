"""A store that processes and replicas share. It knows names and sealed bytes, nothing of tokens.

file.py   a file, for the processes of one machine
flock.py  the lock files beside it
redis.py  a Redis, for replicas on many machines
"""

from dataclasses import dataclass, field
from typing import Protocol

from proxy.core.store import StoreFile, StorePlace


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies under a name; `left` are the seconds that the store will keep it, None where it does not count them."""

    sealed: bytes = field(repr=False)
    left: float | None


class Lock(Protocol):
    """The right to log in for all, held."""

    async def put(self, name: str, sealed: bytes, life: float) -> None:
        """Keep bytes under a name for `life` seconds; does nothing once the lock is another's. Raises StoreError."""
        ...

    async def release(self) -> None:
        """Give the lock back; does nothing once it is another's. Raises StoreError."""
        ...


class Store(Protocol):
    """Where sealed bytes lie under names, and who may log in.

    Every call may be cancelled. Raises StoreError where it is of no use, its kind StoreDamaged where what lies there
    is not ours and may be written over.
    """

    async def read(self, name: str) -> Kept | None:
        """Return what lies under a name."""
        ...

    async def lock(self, name: str, within: float) -> Lock | None:
        """Return the lock of a name, None while another has it.

        It is given back `within` that many seconds; one whose holder has died, or keeps it longer, is free again.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


def opened(place: StorePlace) -> Store:
    """Return the store at a place. Nothing is looked at yet: what is wrong with it shows when it is used."""
    if isinstance(place, StoreFile):
        from proxy.tokens.store.file import FileStore  # noqa: PLC0415  each with its own packages, which may be absent

        return FileStore(place.path)
    from proxy.tokens.store.redis import RedisStore  # noqa: PLC0415  likewise

    return RedisStore(place)
