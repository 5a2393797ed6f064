"""Reading the secrets of a credential, off the loop and within a time."""

import asyncio
from collections.abc import Mapping

from proxy.core.identity import Identity
from proxy.core.secret import Secret, SecretSource
from proxy.errors import LoginUnavailable, SecretUnavailable
from proxy.tokens.clock import Clock, deadline

Sources = Mapping[str, SecretSource]


def poll(sources: Sources) -> float | None:
    """Return how often it is worth looking for changed secrets: as often as the dearest of them allows."""
    return max((source.poll for source in sources.values() if source.poll is not None), default=None)


async def read_secrets(sources: Sources, known: Identity | None, clock: Clock, within: float) -> Mapping[str, Secret]:
    """Return the secrets as they are now; given a `known` identity, only what can change is read again.

    Raises LoginUnavailable where one cannot be read `within` that many seconds.
    """

    def read() -> Mapping[str, Secret]:
        return {
            name: source.read() if known is None or source.poll is not None else known.secrets[name]
            for name, source in sources.items()
        }

    try:
        async with deadline(clock, within):
            return await asyncio.to_thread(read)
    except SecretUnavailable as error:
        cause = str(error)
    except TimeoutError:
        cause = f"the secrets could not be read within {within:g} s"
    raise LoginUnavailable(cause=cause)
