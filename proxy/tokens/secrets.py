"""Reading the secrets of a credential, off the loop and within a time."""

import asyncio
from collections.abc import Mapping

from proxy.core.identity import Identity
from proxy.core.secret import Secret, SecretSource
from proxy.errors import LoginUnavailable, SecretUnavailable
from proxy.tokens.clock import Clock, deadline

Sources = Mapping[str, SecretSource]


def watchable(sources: Sources) -> bool:
    """Return whether any of the secrets can change under our eyes."""
    return any(source.watchable for source in sources.values())


async def read_secrets(sources: Sources, known: Identity | None, clock: Clock, within: float) -> Mapping[str, Secret]:
    """Return the secrets as they are now; given a `known` identity, only what is watchable is read again.

    Raises LoginUnavailable where one cannot be read `within` that many seconds.
    """

    def read() -> Mapping[str, Secret]:
        return {
            name: source.read() if known is None or source.watchable else known.secrets[name]
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
