"""The bundled platform, alone or with a gateway in front of it: something to try, without keys and without a network."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from proxy.core.address import TcpAddress
from proxy.errors import StartError
from proxy.life import Signals
from proxy.sandbox import Sandbox

GATEWAY, ADMIN, PLATFORM = 8080, 9901, 9902
KEY, SECRET = "demo-key", "demo-secret"
# Short enough to see a refresh while one watches, in seconds.
LIFETIME = 60.0

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """What `sandbox` was asked for; `ttl` in seconds."""

    host: str
    port: int
    apikey: str
    secretkey: str
    ttl: float


async def sandbox(choice: Choice, say: Say) -> int:
    """Run the platform until a signal. Raises StartError."""
    signals = Signals(asyncio.get_running_loop())
    platform = Sandbox(apikey=choice.apikey, secretkey=choice.secretkey, ttl=choice.ttl)
    where = await _start(platform, TcpAddress(choice.host, choice.port))
    say(f"The bundled platform listens on http://{where}; Ctrl-C ends it.")
    say(f"  log in:  curl -X POST http://{where}/iam/login -H 'Content-Type: application/json' \\")
    say('             -d \'{"auth_mode": "apikey", "apikey": "%s", "secretkey": "…"}\'' % choice.apikey)
    say(f"  faults:  curl -X PUT http://{where}/_sandbox/faults -d '{{\"unauthorized_every\": 5}}'")
    await signals.asked()
    await platform.close()
    return 0


async def _start(platform: Sandbox, address: TcpAddress) -> TcpAddress:
    try:
        return TcpAddress(*await platform.start(address.host, address.port))
    except OSError as error:
        raise StartError(f"cannot listen on {address}: {error.strerror or error}; --listen takes another port") from None
