"""Short questions: is the running gateway ready, does the login give a token."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import aiohttp

from proxy.config.settings import Config
from proxy.core.address import Address, TcpAddress, url
from proxy.core.credential import Credential
from proxy.core.identity import Identity
from proxy.core.problem import NAME
from proxy.core.store import StorePlace
from proxy.core.token import Phase, Token
from proxy.core.token_events import StoreFailed, TokenEvent, TokenFound
from proxy.errors import LoginError, StartError
from proxy.tokens.cache import token_cache
from proxy.tokens.issuers import issuer_of
from proxy.tokens.shared import shared
from proxy.tokens.source import Issuer
from proxy.tokens.store import opened

# interface.md: HEALTHCHECK asks this; a gateway that cannot say it is ready in that time is not. In seconds.
PATIENCE = 2.0
SWITCH = "[admin] inspector = true"


async def health(settings: Config, say: Callable[[str], object]) -> int:
    """Ask the running gateway's `/readyz`; return 0 when it is ready, else 1. Raises StartError."""
    address = settings.admin.listen
    if address is None:
        raise StartError('admin.listen is "": there is nobody to ask')
    async with asked(address, "/readyz") as answer:
        say((await answer.text()).strip())
        return 0 if answer.ok else 1


async def page(address: Address | None) -> str:
    """Return the URL of the inspector of the gateway whose admin listener is there. Raises StartError."""
    if address is None:
        raise StartError(f'admin.listen is "": there is no admin listener; write {SWITCH} and a listen, start it anew')
    if not isinstance(address, TcpAddress):
        raise StartError(f"admin.listen is {address}, where no browser can ask; write a HOST:PORT, and start it anew")
    if address.port == 0:
        raise StartError("admin.listen has port 0; the log of the gateway says where its page is")
    where = f"{url(address)}/"
    async with asked(address, "/") as answer:
        ours, status = answer.headers.get("Server") == NAME, answer.status
    if not ours:
        raise StartError(f"what answers at {where} is no iam-proxy; see admin.listen")
    if status == HTTPStatus.NOT_FOUND:
        raise StartError(f"the inspector of the gateway at {address} is off; write {SWITCH}, and start it anew")
    if status not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}:  # for a key the browser asks itself
        raise StartError(f"the admin listener at {address} refuses this machine; see admin.allow and admin.key")
    return where


@contextlib.asynccontextmanager
async def asked(address: Address, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask the admin listener of a running gateway. Raises StartError where nobody answers."""
    connector = None if isinstance(address, TcpAddress) else aiohttp.UnixConnector(address.path)
    where = url(address) if isinstance(address, TcpAddress) else "http://localhost"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(f"{where}{path}") as answer,
        ):
            yield answer
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno  # its own words name the address once more
        reason = os.strerror(number) if number else str(error.os_error)
        raise StartError(f"no answer from the gateway at {address}: {reason}; is it running?") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StartError(f"no answer from the gateway at {address}: {error or type(error).__name__}") from None


async def token(
    credential: Credential, place: StorePlace | None, say: Callable[[str], object], warn: Callable[[str], object]
) -> int:
    """Say a token from the shared store, if there is one, else that of a login. Raises LoginError."""
    async with Obtaining(place, warn) as obtaining:
        say((await obtaining.obtain(credential)).token.value)
    return 0


@dataclass(frozen=True, slots=True)
class Obtained:
    """A token, and where it came from; `lasts` is the time left to it, in seconds."""

    token: Token
    lasts: float
    stored: bool
    issuer: Issuer
    identity: Identity

    async def end(self) -> None:
        """End its session if it is nobody else's, as far as the credential says how."""
        await self.issuer.end(self.token, self.identity)


class Obtaining:
    """Gets tokens from the shared store, if there is one, else by logins; a context that closes the store."""

    def __init__(self, place: StorePlace | None, warn: Callable[[str], object]) -> None:
        self._store = None if place is None else opened(place)
        self._warn = warn
        self._found = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._store is not None:
            await self._store.close()

    async def obtain(self, credential: Credential) -> Obtained:
        """Return a fresh token; a stale one of the store serves where the login gives none. Raises LoginError."""
        loop = asyncio.get_running_loop()
        cache = token_cache(loop)
        issuer = shared(
            issuer_of(credential, loop), credential, self._store, clock=loop, cache=cache, on_event=self._told
        )
        identity = await issuer.identify()
        self._found = False
        token = await issuer.issue(identity)
        stored = self._found
        if token.phase(loop.time()) is Phase.STALE:
            with contextlib.suppress(LoginError):
                self._found = False
                token = await issuer.issue(identity, token)
                stored = self._found
        return Obtained(token, token.expires_at - loop.time(), stored, issuer, identity)

    def _told(self, event: TokenEvent) -> None:
        match event:
            case TokenFound():
                self._found = True
            case StoreFailed():
                self._warn(f"the shared store is of no use: {event.cause}")
