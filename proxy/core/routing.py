"""Which route a request takes, and what it may reach there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from proxy.core.address import Upstream
from proxy.core.hosts import hostname, split_authority
from proxy.core.paths import forms, joined, loose, plain, prefixes
from proxy.core.route import Route
from proxy.errors import MethodNotAllowed, NoRoute, PathDenied

# A URL up to its path: with a scheme, or what reads as an authority and as a path alike (RFC 3986 §4.2).
ORIGIN = re.compile(rb"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
AUTHORITY = re.compile(rb"\A//[^/]*")
BEHIND_PATH = re.compile(rb"[?#].*", re.DOTALL)

# How many requests that were let in are remembered, so that their like need not be judged again.
REMEMBERED = 1024
SHORT = 256  # bytes of host, method and path; what is longer is judged each time
HTTP = 80  # the port that http:// without one means


@dataclass(frozen=True, slots=True)
class Rules:
    """A route, its place in the configuration, and what is derived from it once: patterns, the Allow field.

    `base` is the plain form of the upstream's base path, which no path leads out of.
    """

    index: int
    route: Route
    deny: re.Pattern[bytes] | None
    allow: re.Pattern[bytes] | None
    methods: str
    base: bytes = b""

    def judge(self, method: bytes, path: bytes) -> None:
        """Let a request pass, or raise MethodNotAllowed or PathDenied."""
        route = self.route
        if route.methods is not None and method not in route.methods:
            raise MethodNotAllowed(self.methods)
        if self.deny is None and self.allow is None and not self.base:
            return
        self._judge_path(path)
        if route.strip_prefix:
            self._judge_path(stripped(path, route))
        if self.base:
            self._judge_sent(outgoing(path, route))

    def judge_target(self, url: bytes) -> None:
        """Let what is asked for beside the request line pass, a path or a URL, or raise PathDenied."""
        path = ORIGIN.sub(b"", BEHIND_PATH.sub(b"", url))
        for reading in {path, AUTHORITY.sub(b"", path)}:
            self._judge_path(reading)
            if self.base:
                self._judge_sent(reading)

    def _judge_path(self, path: bytes) -> None:
        self._judge_denied(path)
        if self.allow is not None and not all(map(self.allow.match, readings(path))):
            raise PathDenied

    def _judge_denied(self, path: bytes) -> None:
        if self.deny is not None:
            for reading in readings(path):
                if self.deny.match(reading) or self.deny.match(loose(reading)):
                    raise PathDenied

    def _judge_sent(self, path: bytes) -> None:
        """See that a path stays below the upstream's own, and is not denied there unless all of that is."""
        if any(form != self.base and not form.startswith(self.base + b"/") for form in forms(path)):
            raise PathDenied
        if self.deny is not None and not self.deny.match(self.base):
            self._judge_denied(path)


def readings(path: bytes) -> Iterable[bytes]:
    """Return what origins may take a path for. Raises PathDenied for one that nobody can tell."""
    # An origin may also take dot segments for names.
    return (*forms(path), path) if b"/.." in path else forms(path)


def stripped(path: bytes, route: Route) -> bytes:
    """Return the path (or target) without the route's prefix, beginning with a slash."""
    rest = path[len(route.path) :] if route.path != b"/" else path
    return rest if rest.startswith(b"/") else b"/" + rest


def outgoing(target: bytes, route: Route) -> bytes:
    """Return the target as the origin gets it: prefix off, base path on, and not a byte changed otherwise."""
    if route.strip_prefix:
        target = stripped(target, route)
    base = route.upstream.base_path
    return joined(base, target) if base else target


class RouteTable:
    """All routes; the longest matching prefix of whole segments wins, one with the asked host before one without."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.rules = [rules_of(index, route) for index, route in enumerate(routes)]
        self._by_host: dict[bytes | None, dict[bytes, Rules]] = {}
        for rules in self.rules:
            self._by_host.setdefault(rules.route.host, {})[rules.route.path.rstrip(b"/")] = rules
        # Upstreams are the hosts of whoever takes the gateway for a proxy. Of routes to one of them at one path those
        # without a host of their own come first, else the first of the configuration.
        self._by_upstream: dict[tuple[bytes, int | None], dict[bytes, Rules]] = {}
        for rules in sorted(self.rules, key=lambda rules: rules.route.host is not None):
            for authority in authorities(rules.route.upstream):
                self._by_upstream.setdefault(authority, {}).setdefault(rules.route.path.rstrip(b"/"), rules)
        self._depth = max((rules.route.path.rstrip(b"/").count(b"/") for rules in self.rules), default=0)
        # With one route for everything there is nothing to look up.
        alone = len(self.rules) == 1 and self._depth == 0 and self.rules[0].route.host is None
        self._only = self.rules[0] if alone else None
        self.let_in: dict[tuple[bytes, bytes, bytes, bool], Rules] = {}  # by what `admit` is asked

    def admit(self, host: bytes, method: bytes, path: bytes, *, absolute: bool = False) -> Rules:
        """Return the rules of the route that a request takes and may take. Raises as `find` and `Rules.judge` do."""
        asked = host, method, path, absolute
        rules = self.let_in.get(asked)
        if rules is None:
            rules = self.find(host, path, absolute=absolute)
            rules.judge(method, path)
            if len(host) + len(method) + len(path) < SHORT:
                if len(self.let_in) >= REMEMBERED:  # anew: whoever comes first with many does not fill it for ever
                    self.let_in.clear()
                self.let_in[asked] = rules
        return rules

    def find(self, host: bytes, path: bytes, *, absolute: bool = False) -> Rules:
        """Return the rules for a path as received. Raises NoRoute; PathDenied where its plain form leads elsewhere.

        An absolute target that names an upstream is for the routes to that one.
        """
        if self._only is not None:
            return self._only
        others = self._by_upstream.get(split_authority(host)) if absolute else None
        if others is None:
            others = self._by_host.get(None)
        tables = [table for table in (self._by_host.get(hostname(host)), others) if table]
        found = self._longest(tables, path)
        if any(found is not self._longest(tables, form) for form in forms(path)):
            raise PathDenied
        if found is None:
            raise NoRoute
        return found

    @property
    def hosts(self) -> frozenset[bytes]:
        """The hosts that routes match on."""
        return frozenset(rules.route.host for rules in self.rules if rules.route.host is not None)

    def names(self, authority: bytes) -> bool:
        """Return whether an authority is that of a configured route: its `host`, or its upstream's."""
        return split_authority(authority) in self._by_upstream or hostname(authority) in self._by_host

    def _longest(self, tables: Sequence[Mapping[bytes, Rules]], path: bytes) -> Rules | None:
        # One look for each segment that any route has: the cost does not grow with routes, nor with hostile paths.
        segments = path.split(b"/", self._depth + 1)[: self._depth + 1]
        starts = [b"/".join(segments[:count]) for count in range(len(segments), 0, -1)]
        return next((table[start] for table in tables for start in starts if start in table), None)


def authorities(upstream: Upstream) -> Iterable[tuple[bytes, int | None]]:
    """Return the hosts and ports by which an upstream is asked for."""
    # http://my-project… without a port is what a client says that leaves TLS to its proxy.
    return ((upstream.literal, port) for port in (None, HTTP, upstream.port))


def rules_of(index: int, route: Route) -> Rules:
    """Return a route with what is derived from it."""
    return Rules(
        index,
        route,
        deny=prefixes(route.deny),
        allow=prefixes(route.allow),
        methods=b", ".join(sorted(route.methods or ())).decode(),
        base=plain(route.upstream.base_path) if route.upstream.base_path else b"",
    )
