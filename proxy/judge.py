"""The order of judgement, top to bottom (interface.md): whether a request is answered, and by whose rules."""

from proxy.core.access import Access, within
from proxy.core.cors import Cors, cross_site, offered, origin_of
from proxy.core.events import Finished
from proxy.core.fields import OTHER_METHOD, OTHER_TARGET, TOLD, without
from proxy.core.forwarded import HOPS, forwarded
from proxy.core.hosts import Hosts, local, split_authority
from proxy.core.keys import Keys, take_key
from proxy.core.routing import RouteTable, Rules
from proxy.core.shares import Fairness
from proxy.errors import (
    BodyTooLarge,
    ClientKeyRequired,
    ClientNotAllowed,
    CrossSite,
    HostNotAllowed,
    HostUnserved,
    LoopDetected,
    Overloaded,
    ProxyKeyRequired,
)
from proxy.wire.body import EMPTY
from proxy.wire.client import UNIX, ClientConnection
from proxy.wire.request import ALLOWED, NEVER_FORWARDED, Request

# Fields that tell of a page of another site, of a loop, of what only a trusted proxy may tell, or of another method or
# target than the request line; most requests have none of them.
TELLING = frozenset((b"origin", b"sec-fetch-site", b"via")) | TOLD | OTHER_METHOD | OTHER_TARGET
# What the gateway says for itself (RFC 9110 §9.3.7).
OPTIONS_ANSWER = b"HTTP/1.1 204 No Content\r\nAllow: %b\r\n" % ALLOWED.encode()


class Judge:
    """Everything that a request is judged by but its form, which the wire has seen to.

    What depends on the peer alone is settled once for a connection, and what a Host value is worth is remembered: a
    request with nothing to tell goes past all but its route.
    """

    def __init__(self, access: Access, table: RouteTable, keys: Keys, limit: int, pseudonym: bytes) -> None:
        self.access = access
        self.table = table
        self.keys = keys
        self.fairness = Fairness(limit)
        self.pseudonym = pseudonym
        self.hosts = Hosts(access.allowed_hosts | table.hosts)
        self.cors = Cors(access.cors_origins)

    def meet(self, client: ClientConnection) -> None:
        """Settle what can be told from a client's address."""
        over_network = client.address != UNIX
        client.admitted = not over_network or self.access.allows(client.address)
        client.trusted = over_network and within(client.address, self.access.trusted_proxies)
        client.settled = client.admitted and not client.trusted and not self.access.client_keys

    def judge(self, client: ClientConnection, request: Request, fact: Finished, in_flight: int) -> Rules | bytes:
        """Return the rules of a request's route, or the head of the answer to what the gateway is asked itself.

        Raises RequestRefused.
        """
        if (
            not client.settled
            or request.host not in self.hosts.known
            or request.absolute
            or request.here
            or not TELLING.isdisjoint(request.control)
        ):
            answer = self._judge_caller(client, request, fact)
            if answer is not None:
                return answer
        path = request.target.partition(b"?")[0]
        rules = self.table.admit(request.host, request.method, path, absolute=request.absolute)
        if in_flight > self.fairness.half and not self.fairness.admits(in_flight, client.share, client.wire.sweep.now):
            raise Overloaded(retry_after=1)
        if request.body is not EMPTY:
            judge_body(request, client.wire.max_body)
        return rules

    def _judge_caller(self, client: ClientConnection, request: Request, fact: Finished) -> bytes | None:
        """See whom a request asks for, and who asks. Returns the head of an answer where none other is needed."""
        if client.trusted:
            self._hear_proxy(client, request, fact)
        elif not TOLD.isdisjoint(request.control):
            request.lines = without(request.lines, TOLD)
        self._judge_host(client, request)
        self._judge_peer(client, request)
        if request.method == b"OPTIONS" and self.cors.preflight(request.control):
            # Before the key: a browser asks without one (Fetch §3.3.5), and nothing but the permission is told.
            return self.cors.permission(request.control, self._methods(request))
        self._judge_key(request, fact)
        self._judge_site(client, request)
        # RFC 9110 §7.6.3: our own name in Via says that the request comes round again.
        if self.pseudonym in request.control.get(b"via", b""):
            raise LoopDetected
        self._judge_others(request)
        return OPTIONS_ANSWER if request.here else None

    def _hear_proxy(self, client: ClientConnection, request: Request, fact: Finished) -> None:
        """Take what a trusted proxy says of its client."""
        trusted = self.access.trusted_proxies
        request.told = forwarded(request.control, client.address, trusted, client.scheme, request.host)
        if request.told.address != client.address:
            fact.peer, fact.proxy = request.told.address, client.address

    def _judge_host(self, client: ClientConnection, request: Request) -> None:
        if request.absolute:
            if not (self.table.names(request.host) or self._meant(client, request.host)):
                raise HostUnserved
        elif not self.hosts.answered(request.host) and (request.host or b"host" in request.control):
            raise HostNotAllowed  # a client of 1.0 that names no host is no browser
        # A proxy passes on the name that was rebound, beside a Host of its own making.
        told = request.told
        if told is not None and told.host != request.host:
            hosts = told.hosts
            if len(hosts) > HOPS or not all(map(self.hosts.answered, hosts)):
                raise HostNotAllowed

    def _meant(self, client: ClientConnection, authority: bytes) -> bool:
        """Return whether an authority names the gateway itself, as this client reaches it."""
        name, port = split_authority(authority)
        if name in self.hosts.names:
            return True
        here = client.transport.get_extra_info("sockname")
        if not isinstance(here, tuple):
            return local(name)
        default = 443 if client.scheme == b"https" else 80
        return (port or default) == here[1] and (local(name) or name.strip(b"[]") == here[0].encode())

    def _judge_peer(self, client: ClientConnection, request: Request) -> None:
        if not client.admitted or (request.told is not None and not self.access.allows(request.told.address)):
            raise ClientNotAllowed

    def _judge_key(self, request: Request, fact: Finished) -> None:
        if self.access.client_keys:
            name = take_key(request.control, self.keys, absolute=request.absolute)
            if name is None:
                raise (ProxyKeyRequired if request.absolute else ClientKeyRequired)
            fact.client = name

    def _judge_site(self, client: ClientConnection, request: Request) -> None:
        told = request.told
        own = {origin_of(client.scheme, request.host)}
        if told is not None:
            own = {origin_of(told.scheme, host) for host in told.hosts}
        if cross_site(request.control, own, self.access.cors_origins):
            raise CrossSite

    def _judge_others(self, request: Request) -> None:
        """See that a route allows what its origin may take for method and target. Raises RequestRefused."""
        control = request.control
        methods, targets = OTHER_METHOD & control.keys(), OTHER_TARGET & control.keys()
        if methods or targets:
            path = request.target.partition(b"?")[0]
            rules = self.table.find(request.host, path, absolute=request.absolute)
            for name in methods:
                rules.judge(control[name].strip().upper(), path)
            for name in targets:
                rules.judge_target(control[name].strip())

    def _methods(self, request: Request) -> bytes:
        """Return the methods that a page may use at a path: those of its route. Raises NoRoute, PathDenied."""
        rules = self.table.find(request.host, request.target.partition(b"?")[0], absolute=request.absolute)
        if rules.methods:
            return rules.methods.encode()
        wanted = request.control[b"access-control-request-method"]
        return offered(ALLOWED.encode(), wanted if wanted.upper() not in NEVER_FORWARDED else b"")


def judge_body(request: Request, most: float) -> None:
    """See what is known of a body before anything is sent. Raises BodyTooLarge, or what has broken the request."""
    if request.body.length > most:
        raise BodyTooLarge
    if request.broken is not None:
        raise request.broken
