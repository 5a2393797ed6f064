"""`check --online`: does all that a gateway needs work, from this machine and now; one line for each look."""

import asyncio
import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from proxy.config.settings import Config
from proxy.core.address import Upstream
from proxy.core.credential import Credential, Verification
from proxy.core.egress import PORTS, EgressProxy
from proxy.core.held import Held
from proxy.core.route import Route
from proxy.core.routing import RouteTable, Rules
from proxy.core.trial import flaw, harmless, head
from proxy.errors import (
    DnsFailed,
    UpstreamTimeout,
)
from proxy.probe import Obtained, Obtaining
from proxy.report import Flawed, Mark, Report
from proxy.wire.dial import dial, tls_context
from proxy.wire.once import Once

# Whoever checks waits for no report of an hour: the first byte of an answer has to come within this, or less if
# `timeouts.response` is. In seconds.
ANSWER_WITHIN = 10.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where routes lead, and how it is reached: what is looked at once, however many routes lead there."""

    upstream: Upstream
    verification: Verification
    egress: EgressProxy | None
    within: float = field(compare=False)

    @classmethod
    def of(cls, route: Route) -> "Origin":
        """Return that of a route."""
        upstream = replace(route.upstream, base_path=b"")
        return cls(upstream, route.verification, route.egress, route.timeouts.connect)

    def __str__(self) -> str:
        return str(self.upstream) if self.egress is None else f"{self.upstream} by way of {self.egress}"

    def serves(self, url: str) -> bool:
        """Return whether a URL is of this origin."""
        split = urlsplit(url)
        here = (self.upstream.scheme, self.upstream.host, self.upstream.port)
        return (split.scheme, split.hostname, split.port or PORTS.get(split.scheme)) == here

    async def connect(self, request: bytes) -> Once:
        """Return a connection on which a request has been sent. Raises OriginError, Flawed."""
        tls = None
        if self.upstream.scheme == "https":
            try:
                tls = await asyncio.to_thread(tls_context, self.verification)
            except OSError as error:
                raise Flawed(f"ca_file {self.verification.ca_file} cannot be used: {error}") from None
        return await dial(lambda: Once(request), self.upstream, tls, self.within, self.egress)


class Looks:
    """All looks at one configuration, in order; what depends on one that failed is not tried."""

    def __init__(self, config: Config, report: Report, obtaining: Obtaining, wall: Callable[[], float]) -> None:
        self.config = config
        self.report = report
        self.obtaining = obtaining
        self.wall = wall
        self.reached: dict[Origin, bool] = {}
        self.obtained: dict[str, Obtained | None] = {}

    async def all(self) -> None:
        """Look at everything."""
        await self.logins()
        for rules in RouteTable(self.config.routes).rules:
            await self._route(rules)

    async def logins(self) -> None:
        """Look at the way to the origins, and at the logins."""
        for origin in dict.fromkeys(map(Origin.of, self.config.routes)):
            self.reached[origin] = await self._origin(origin)
        for name, credential in self.config.credentials.items():
            self.obtained[name] = await self._credential(credential)

    async def end(self) -> None:
        """End the sessions that the logins have begun."""
        for obtained in filter(None, self.obtained.values()):
            await obtained.end()

    # --- origins
    async def _origin(self, origin: Origin) -> bool:
        secure = origin.upstream.scheme == "https"
        what = f"{'tls' if secure else 'tcp'} {origin}"
        asked = origin.egress or origin.upstream  # behind a proxy it is the proxy that resolves the name
        if not literal(asked.host) and not await self.report.look(f"dns {asked.host}", addresses(asked, origin.within)):
            self.report.skip(what, f"{asked.host} has no address")
            return False
        return await self.report.look(what, self._connected(origin))

    async def _connected(self, origin: Origin) -> str:
        """Connect, and return what was agreed upon."""
        connection = await origin.connect(b"")
        try:
            return agreed(connection.tls, self.wall())
        finally:
            await connection.close()

    # --- credentials
    async def _credential(self, credential: Credential) -> Obtained | None:
        recipe = credential.recipe
        if isinstance(recipe, Held):
            what = f"secret {credential.name}"
        else:
            proxy = credential.egress.proxy_for(recipe.url)
            what = f"login {credential.name} at {recipe.url.partition('?')[0]}"
            if proxy is not None:
                what += f" by way of {proxy}"
            for origin, reached in self.reached.items():
                if not reached and origin.serves(recipe.url) and origin.egress == proxy:
                    self.report.skip(what, f"{origin} is not reached")
                    return None
        found: list[Obtained] = []

        async def obtained() -> str:
            found.append(await self.obtaining.obtain(credential))
            return whence(found[0])

        return found[0] if await self.report.look(what, obtained()) else None

    # --- routes
    async def _route(self, rules: Rules) -> None:
        route, trial = rules.route, harmless(rules)
        what = f"route {route.label}"
        origin, credential = Origin.of(route), route.credential
        if trial is None:
            self.report.skip(what, "it lets no GET and no HEAD through, and anything else might do something")
        elif not self.reached[origin]:
            self.report.skip(what, f"{origin} is not reached")
        elif credential is not None and self.obtained[credential] is None:
            self.report.skip(what, f"there is no token of {credential}")
        else:
            await self.report.look(what, self._asked(route, *trial))

    async def _asked(self, route: Route, method: bytes, path: bytes) -> str:
        """Send one request, and return what came."""
        obtained = None if route.credential is None else self.obtained[route.credential]
        token = None if obtained is None else obtained.token.value
        reject = () if route.credential is None else self.config.credentials[route.credential].reject
        connection = await Origin.of(route).connect(head(route, method, path, token))
        within = min(route.timeouts.response, ANSWER_WITHIN)
        try:
            async with asyncio.timeout(within):
                await connection.answered
        except TimeoutError:
            raise UpstreamTimeout(cause=f"no answer within {within:g} s") from None
        finally:
            await connection.close()
        words = f"{method.decode()} {path.decode()} gave {connection.status}"
        if fault := flaw(connection.status, connection.lines, connection.body, reject):
            raise Flawed(f"{words}; {fault}")
        return words


async def online(
    config: Config,
    say: Callable[[Mark, str], object],
    slow: Callable[[str], object],
    warn: Callable[[str], object],
    wall: Callable[[], float] = time.time,
    *,
    routes: bool = True,
) -> int:
    """Look at names, connections and logins, and at `routes`; say a line for each; return 0 if all is well, else 1."""
    report = Report(say, slow)
    async with Obtaining(config.tokens.store, warn) as obtaining:
        looks = Looks(config, report, obtaining, wall)
        await (looks.all() if routes else looks.logins())
        await looks.end()
    return 1 if report.failed else 0


async def addresses(where: Upstream | EgressProxy, within: float) -> str:
    """Return the addresses of a host. Raises DnsFailed."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within):
            found = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise DnsFailed(cause=f"no answer within {within:g} s") from None
    except OSError as error:
        raise DnsFailed(cause=error.strerror or str(error)) from None
    return ", ".join(dict.fromkeys(str(address[0]) for *_, address in found))


def agreed(tls: ssl.SSLObject | None, now: float) -> str:
    """Return what a connection's TLS is, and until when the certificate is valid."""
    if tls is None:
        return "connected"
    until = (tls.getpeercert() or {}).get("notAfter")
    if until is None:  # it was not verified, and then it is not read
        return f"{tls.version()}, the certificate is not verified"
    ends = ssl.cert_time_to_seconds(str(until))
    day = datetime.fromtimestamp(ends, UTC).date()
    return f"{tls.version()}, the certificate is valid until {day} ({(ends - now) / DAY:.0f} days)"


def whence(obtained: Obtained) -> str:
    """Return where a token came from and how long it lives."""
    if math.isinf(obtained.lasts):
        return "it is there, and needs no login"
    how = "the shared store has a token" if obtained.stored else "the keys were traded for a token"
    return f"{how} that lives for {obtained.lasts:.0f} s"


def literal(host: str) -> bool:
    """Return whether a host is an address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
