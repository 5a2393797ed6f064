"""Short questions: is the running gateway ready, does the login give a token."""

import asyncio
from collections.abc import Callable

import aiohttp

from proxy.config.settings import Config
from proxy.core.address import TcpAddress
from proxy.core.credential import Credential
from proxy.errors import StartError
from proxy.tokens.issuers import issuer_of

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


async def login(credential: Credential, say: Callable[[str], object]) -> int:
    """Log in once and say the token, or what stands for one. Raises LoginError."""
    issuer = issuer_of(credential, asyncio.get_running_loop())
    token = await issuer.issue(await issuer.identify())
    say(token.value)
    return 0
