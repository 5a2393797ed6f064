"""The bundled platform, alone or with a gateway in front of it: something to try without keys and without a network."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import structlog

from proxy import log
from proxy.config.load import from_environment
from proxy.config.settings import Config
from proxy.core.address import Address, TcpAddress, url
from proxy.errors import StartError
from proxy.life import Signals
from proxy.listen import open_socket
from proxy.sandbox import LoggedIn, Refused, Sandbox, Served
from proxy.serve import gateway

GATEWAY, ADMIN, PLATFORM = 8080, 9901, 9902
# Short enough to see a refresh while one watches. In seconds.
LIFETIME = 60.0

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """What `sandbox` was asked for; `ttl` in seconds."""

    listen: TcpAddress
    apikey: str
    secretkey: str
    ttl: float


async def sandbox(choice: Choice, say: Say) -> int:
    """Run the platform until a signal; return the exit code. Raises StartError."""
    signals = Signals(asyncio.get_running_loop())
    platform = Sandbox(apikey=choice.apikey, secretkey=choice.secretkey, ttl=choice.ttl)
    try:
        where = TcpAddress(*await platform.start(choice.listen.host, choice.listen.port))
    except OSError as error:
        words = f"cannot listen on {choice.listen}: {error.strerror or error}; --listen takes another port"
        raise StartError(words) from None
    say(f"The bundled platform listens on http://{where}; Ctrl-C ends it.\n")
    say(f"  a gateway for it:  IAM_PROXY_UPSTREAM=http://{where} IAM_PROXY_APIKEY={choice.apikey} \\")
    say("                     IAM_PROXY_SECRETKEY=… iam-proxy run")
    say(f"  faults:            curl -X PUT http://{where}/_sandbox/faults -d '{{\"unauthorized_every\": 5}}'")
    await signals.asked()
    await platform.close()
    return 0


async def demo(say: Say) -> int:
    """Run platform and gateway until a signal, and show what happens; return the exit code. Raises StartError."""
    signals = Signals(asyncio.get_running_loop())
    async with _platform(say) as where:
        settings = _settings(where)
        output = log.configure(settings.log)
        async with gateway(settings, output, [_open(GATEWAY, say)], _open(ADMIN, say)) as (app, admin):
            _introduce(url(app.addresses[0]), url(where), admin, say)
            output.flush()
            await signals.asked()
            await signals.end(app)
        output.close()
    return 0


@contextlib.asynccontextmanager
async def _platform(say: Say) -> AsyncIterator[TcpAddress]:
    platform = Sandbox(ttl=LIFETIME, on_event=_tell)
    try:
        address = await platform.start("127.0.0.1", PLATFORM)
    except OSError:
        address = await platform.start("127.0.0.1", 0)
        say(f"Port {PLATFORM} is taken; the platform listens on {address[1]}.")
    try:
        yield TcpAddress(*address)
    finally:
        await platform.close()


def _open(port: int, say: Say) -> socket.socket:
    """Listen on the port, or on any free one, said aloud, where it is taken."""
    try:
        return open_socket(TcpAddress("127.0.0.1", port))
    except StartError:
        say(f"Port {port} is taken; a free one is used instead.")
        return open_socket(TcpAddress("127.0.0.1", 0))


def _settings(platform: TcpAddress) -> Config:
    """Return a configuration as the environment would give it for the bundled platform."""
    return from_environment(
        {
            "IAM_PROXY_UPSTREAM": f"http://{platform}",
            "IAM_PROXY_APIKEY": "demo-key",
            "IAM_PROXY_SECRETKEY": "demo-secret",
            "IAM_PROXY__ADMIN__INSPECTOR": "true",
        }
    )


def _introduce(gateway_url: str, platform_url: str, admin: Address | None, say: Say) -> None:
    lines = [
        (f"curl {gateway_url}/qb/query", "through the gateway: an answer, no key needed"),
        (f"curl {platform_url}/qb/query", "straight to the platform: 401"),
        (f"curl '{gateway_url}/echo/a%2Fb?x=1'", "what reached the platform"),
        (f"curl -X POST {platform_url}/_sandbox/revoke", "kill all tokens, then ask the gateway again"),
    ]
    if admin is not None:
        lines.append((f"curl {url(admin)}/status", "what the gateway knows"))
    width = max(len(command) for command, _ in lines)
    say("A platform that wants a token, and a gateway that gets it one. Try:\n")
    for command, words in lines:
        say(f"  {command:<{width}}  {words}")
    if admin is not None:
        say(f"\nWhat passes is shown live at {url(admin)}/")
    say(f"\nTokens live {LIFETIME:g} s here, so a refresh is due soon. Ctrl-C ends it.\n")


def _tell(event: object) -> None:
    """Show what the platform sees, between the lines of the gateway."""
    say = structlog.get_logger()
    match event:
        case LoggedIn():
            say.info("  platform: keys traded for a token", token=event.token, lives_s=round(event.lifetime))
        case Refused():
            say.info("  platform: refused", request=f"{event.method} {event.path}", status=event.status)
        case Served():
            say.info("  platform: served", request=f"{event.method} {event.path}", injected=event.token)
