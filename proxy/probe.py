"""Short questions: is the running gateway ready, does the login give a token."""

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp

from proxy.config.settings import Config
from proxy.core.address import TcpAddress
from proxy.core.credential import Credential
from proxy.core.store import StorePlace
from proxy.core.token import Phase, Token
from proxy.core.token_events import StoreFailed, TokenEvent
from proxy.errors import LoginError, StartError
from proxy.tokens.cache import token_cache
from proxy.tokens.issuers import issuer_of
from proxy.tokens.shared import shared
from proxy.tokens.source import Issuer
from proxy.tokens.store import opened

# interface.md: HEALTHCHECK asks this; a gateway that cannot say it is ready in that time is not. In seconds.
PATIENCE = 2.0


async def health(settings: Config, say: Callable[[str], object]) -> int:
    """Ask the running gateway's `/readyz`; return 0 when it is ready, else 1. Raises StartError."""
    address = settings.admin.listen
    if address is None:
        raise StartError('admin.listen is "": there is nobody to ask')
    connector = None if isinstance(address, TcpAddress) else aiohttp.UnixConnector(address.path)
    where = f"http://{address}" if isinstance(address, TcpAddress) else "http://localhost"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(f"{where}/readyz") as answer,
        ):
            say((await answer.text()).strip())
            return 0 if answer.ok else 1
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StartError(f"no answer from the gateway at {address}: {error or type(error).__name__}") from None


async def token(
    credential: Credential, place: StorePlace | None, say: Callable[[str], object], warn: Callable[[str], object]
) -> int:
    """Say a token from the shared store, if there is one, else that of a login. Raises LoginError."""
    loop = asyncio.get_running_loop()

    def told(event: TokenEvent) -> None:
        if isinstance(event, StoreFailed):
            warn(f"the shared store is of no use: {event.cause}")

    store = None if place is None else opened(place)
    try:
        issuer = shared(
            issuer_of(credential, loop), credential, store, clock=loop, cache=token_cache(loop), on_event=told
        )
        say((await _lasting(issuer, loop.time)).value)
    finally:
        if store is not None:
            await store.close()
    return 0


async def _lasting(issuer: Issuer, now: Callable[[], float]) -> Token:
    """Return a fresh token; a stale one of the store serves where the login gives none."""
    identity = await issuer.identify()
    token = await issuer.issue(identity)
    if token.phase(now()) is Phase.STALE:
        with contextlib.suppress(LoginError):
            return await issuer.issue(identity, token)
    return token
