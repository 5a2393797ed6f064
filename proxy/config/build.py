"""From validated tables to the values of `core`: defaults that depend on other keys, and what does not fit together."""

import contextlib
import os.path
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, cast
from urllib.parse import urlsplit

from proxy.config import credentials, kinds, proxies, schema
from proxy.config.certificates import Certificates
from proxy.config.lines import Path
from proxy.config.secrets import File, no_file
from proxy.config.settings import Admin, Config, Log, LogFormat, LogLevel, Server, Tokens
from proxy.core.access import Access
from proxy.core.address import Address, TcpAddress, Upstream, loopback
from proxy.core.credential import Credential, Verification
from proxy.core.egress import Egress, EgressProxy
from proxy.core.limits import Limits
from proxy.core.needles import SHORTEST, hidden, too_short
from proxy.core.route import ClientAuthorization, Route
from proxy.core.secret import Secret, SecretSource
from proxy.core.store import StoreFile
from proxy.core.timeouts import Timeouts
from proxy.errors import SecretUnavailable

NONE = "none"
ONE_KEY = "default"  # the name of the key that is given without one
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
NO_ROUTE = (
    'no route: write [[routes]] with upstream = "https://…" and a [credentials.NAME] into iam-proxy.toml, '
    "or set IAM_PROXY_UPSTREAM, IAM_PROXY_APIKEY and IAM_PROXY_SECRETKEY"
)


@dataclass
class Build:
    """The tables, None where one had mistakes, and where to note further ones."""

    sections: Mapping[str, schema.Section | None]
    credentials: Mapping[str, kinds.Credential | None]
    routes: Sequence[schema.Route | None]
    mistake: Callable[[Path, str], None]
    folder: FilePath
    environment: proxies.Environment
    warnings: list[str] = field(default_factory=list)

    def config(self, source: str | None) -> Config | None:
        """Return the configuration, or None where a table had mistakes. Notes what does not fit together."""
        routes = self._routes()
        made = self._credentials(routes)
        self._access()
        self._admin()
        tls = self._tls()
        if not self.routes:
            self.mistake((), NO_ROUTE)
        if None in self.sections.values() or len(routes) < len(self.routes):
            return None
        server, admin, log = (cast("Any", self.sections[name]) for name in ("server", "admin", "log"))
        limits, access = cast("schema.Limits", self.sections["limits"]), cast("schema.Access", self.sections["access"])
        return Config(
            routes=tuple(routes.values()),
            credentials=made,
            server=Server(server.listen, server.drain_timeout, tls, server.workers),
            admin=Admin(admin.listen, admin.allow, admin.key, admin.quit, admin.inspector),
            access=Access(
                access.allow,
                access.allowed_hosts,
                access.cors_origins,
                client_keys(access),
                access.trusted_proxies,
            ),
            limits=Limits(
                limits.max_header_size,
                limits.max_body_size,
                limits.replay_buffer,
                limits.replay_spool,
                limits.max_connections,
                limits.max_in_flight,
                limits.max_origin_connections,
            ),
            timeouts=self._timeouts(),
            tokens=self._tokens(),
            log=logging(log),
            warnings=tuple(self.warnings),
            source=source,
        )

    def _timeouts(self) -> Timeouts:
        given = cast("schema.Timeouts | None", self.sections["timeouts"])
        if given is None:
            return Timeouts()
        return Timeouts(given.connect, given.response, given.idle, given.client_header, given.keep_alive)

    def _tokens(self) -> Tokens:
        given = cast("schema.Tokens", self.sections["tokens"])
        store = given.store
        return Tokens(StoreFile(str(self.folder / store.path)) if isinstance(store, StoreFile) else store, given.listen)

    # --- who is let in
    def _access(self) -> None:
        server = cast("schema.Server | None", self.sections["server"])
        access = cast("schema.Access | None", self.sections["access"])
        if access is not None:
            self._client_keys(access)
        if server is not None and access is not None and not Access(access.allow).beyond_loopback:
            for address in server.listen:
                if beyond_loopback(address):
                    words = 'write access.allow = ["private"], "any" or networks to say who may use the gateway'
                    self.mistake(("server", "listen"), f"{address} is reached from beyond this machine; {words}")

    def _admin(self) -> None:
        admin = cast("schema.Admin | None", self.sections["admin"])
        if admin is not None and admin.inspector:
            self._inspector(admin)
        if admin is None or admin.listen is None:
            return
        if beyond_loopback(admin.listen) and not Access(admin.allow).beyond_loopback:
            words = 'write admin.allow = ["private"], "any" or networks to say who may ask'
            self.mistake(("admin", "listen"), f"{admin.listen} is reached from beyond this machine; {words}")
        if admin.key is not None:
            self._exposed("admin.key", admin.key)

    def _inspector(self, admin: schema.Admin) -> None:
        """See that the inspector shows traffic to those alone who may see it."""
        path, server = ("admin", "inspector"), cast("schema.Server | None", self.sections["server"])
        if server is not None and server.workers > 1:
            self.mistake(path, "sees the traffic of one process; expected server.workers = 1")
        if admin.listen is None:
            self.mistake(path, "has no place to be seen at: admin.listen is empty; expected an address there")
        elif beyond_loopback(admin.listen) and admin.key is None:
            words = "would show the traffic to everybody who reaches it; write admin.key, or listen on 127.0.0.1"
            self.mistake(path, f"{admin.listen} is reached from beyond this machine and {words}")

    def _tls(self) -> Certificates | None:
        server = cast("schema.Server | None", self.sections["server"])
        if server is None or server.tls is None:
            return None
        if not any(isinstance(address, TcpAddress) for address in server.listen):
            self.mistake(("server", "tls"), "is of no use: a Unix socket, the only one in server.listen, stays plain")
        authorities = server.tls.client_ca
        found = Certificates(
            self.folder / server.tls.cert,
            self.folder / server.tls.key,
            None if authorities is None else self.folder / authorities,
        )
        for fault in found.faults():
            there = os.path.exists(getattr(found, fault.key))  # noqa: PTH110  pathlib raises for a name that is too long
            self.mistake(("server", "tls", fault.key), str(fault) if there else no_file(self.folder))
        self._exposed("server.tls.key", File(found.key))
        return found

    def _client_keys(self, access: schema.Access) -> None:
        keys = client_keys(access)
        for name, key in keys.items():
            path = ("access", "client_keys", name)
            if not NAME.fullmatch(name):
                self.mistake(path, "is no name for the log; expected letters, digits, dots, hyphens and underscores")
            self._exposed(f"access.client_keys.{name}", key)
        if access.client_key is not None and ONE_KEY in access.client_keys:
            words = f'client_keys has one named "{ONE_KEY}" as well; expected one of the two'
            self.mistake(("access", "client_key"), words)
        if len(keys) > 1:
            self._shared_keys(keys)

    def _shared_keys(self, keys: Mapping[str, SecretSource]) -> None:
        """Note whose key is another's as well: the log could not tell who calls."""
        owners: dict[Secret, str] = {}
        for name, key in keys.items():
            with contextlib.suppress(SecretUnavailable):  # it was there a moment ago; that it has gone others will say
                if (owner := owners.setdefault(key.read(), name)) != name:
                    words = f"is the key of {owner} as well; expected one of its own"
                    self.mistake(("access", "client_keys", name), words)

    # --- routes
    def _routes(self) -> dict[int, Route]:
        """Return the routes by their place."""
        seen: dict[tuple[bytes, str | None], int] = {}
        routes: dict[int, Route] = {}
        for index, given in enumerate(self.routes):
            if given is None:
                continue
            key = (given.path, given.host and given.host.lower())
            if seen.setdefault(key, index) != index:
                self.mistake(("routes", index, "path"), f"is that of routes[{seen[key]}] already; expected another")
            routes[index] = self._route(index, given)
        return routes

    def _route(self, index: int, given: schema.Route) -> Route:
        name = self._credential_of(index, given)
        self._verification_warning(f"routes[{index}]", verify=given.verify)
        if name is not None and insecure(given.upstream) and not given.insecure:
            words = "would carry the credential over plain http; use https, or write insecure = true"
            self.mistake(("routes", index, "upstream"), words)
        if given.scrub and given.credential == NONE:
            self.mistake(("routes", index, "scrub"), 'has nothing to hide on a route with credential = "none"')
        times = {key: value for key, value in given.timeouts.model_dump().items() if value is not None}
        credential = None if name is None else self.credentials.get(name)
        return Route(
            path=given.path,
            upstream=given.upstream,
            credential=name,
            host=None if given.host is None else given.host.lower().encode(),
            strip_prefix=given.strip_prefix,
            methods=given.methods,
            deny=credentials.denied(credential) if given.deny is None else tuple(given.deny),
            allow=tuple(given.allow),
            preserve_host=given.preserve_host,
            via=given.via,
            injection=given.inject or credentials.injection(credential),
            client_authorization=cast("ClientAuthorization", given.client_authorization),
            replay=given.replay,
            verification=Verification(self._file(given.ca_file), given.verify),
            timeouts=replace(self._timeouts(), **times),
            scrub=given.scrub,
            egress=self._route_egress(index, given),
        )

    def _route_egress(self, index: int, given: schema.Route) -> EgressProxy | None:
        where = given.upstream
        if given.egress_proxy not in {None, Egress()} and loopback(where.host):
            self.warnings.append(f"routes[{index}]: egress_proxy is of no use; {where} is this machine")
        path = ("routes", index, "egress_proxy")
        return self._egress(path, given.egress_proxy, [str(where)]).proxy(where.scheme, where.host, where.port)

    def _egress(self, path: Path, given: Egress | None, urls: Iterable[str]) -> Egress:
        """Return what says how these URLs are reached: what is given, else the environment."""
        if given is not None:
            return given
        for url in urls:
            if flaw := self.environment.flaw(url):
                self.mistake(path, flaw)
        return self.environment.egress

    def _credential_of(self, index: int, given: schema.Route) -> str | None:
        """Return the name of a route's credential: the only one there is, where none is named."""
        path, names = ("routes", index, "credential"), list(self.credentials)
        if given.credential is None:
            if len(names) > 1:
                self.mistake(path, f'missing; expected one of {", ".join(names)}, or "none"')
            return names[0] if names else None
        if given.credential == NONE:
            return None
        if given.credential not in names:
            self.mistake(
                path,
                f'names no credential; expected {", ".join(names) or "[credentials.NAME]"} or "none"',
            )
        return given.credential

    # --- credentials
    def _credentials(self, routes: Mapping[int, Route]) -> dict[str, Credential]:
        found: dict[str, Credential] = {}
        for name, given in self.credentials.items():
            if given is None:
                continue
            using = [(index, route) for index, route in routes.items() if route.credential == name]
            for place, secret in credentials.secrets(given, f"credentials.{name}"):
                self._exposed(place, secret)
            if any(route.scrub for _, route in using):
                self._unscrubbed(name, given)
            if not using:
                if None not in self.routes:
                    self.warnings.append(f"credentials.{name} is used by no route")
                continue
            found[name] = self._credential(name, given, using)
        return found

    def _exposed(self, place: str, secret: SecretSource) -> None:
        if isinstance(secret, File) and secret.exposed():
            self.warnings.append(f"{place}: {secret.path} can be read by others; chmod 600 it")

    def _unscrubbed(self, name: str, given: kinds.Credential) -> None:
        for place, secret in credentials.secrets(given, f"credentials.{name}"):
            with contextlib.suppress(SecretUnavailable):  # it was there a moment ago; that it has gone others will say
                if hidden(place) and too_short(secret.read()):
                    self.warnings.append(f"{place} has fewer than {SHORTEST} bytes, too few for scrub to hide")

    def _credential(self, name: str, given: kinds.Credential, using: Sequence[tuple[int, Route]]) -> Credential:
        route = using[0][1]
        if not isinstance(given, kinds.LoggingIn):
            return credentials.credential(name, given, route.upstream, Verification())
        self._plain_login(name, given, using)
        base = route.verification if credentials.defaulted(given) else Verification()
        verify = base.verify if given.verify is None else given.verify
        self._verification_warning(f"credentials.{name}", verify=verify)
        verification = Verification(self._file(given.ca_file) or base.ca_file, verify)
        made = credentials.credential(name, given, route.upstream, verification)
        return replace(made, egress=self._login_egress(name, given, using))

    def _login_egress(self, name: str, given: kinds.LoggingIn, using: Sequence[tuple[int, Route]]) -> Egress:
        index, route = using[0]
        like = self.routes[index] if credentials.defaulted(given) else None
        chosen = like.egress_proxy if given.egress_proxy is None and like is not None else given.egress_proxy
        urls = (url for _, url in credentials.told(given, route.upstream))
        return self._egress(("credentials", name, "egress_proxy"), chosen, urls)

    def _plain_login(self, name: str, given: kinds.LoggingIn, using: Sequence[tuple[int, Route]]) -> None:
        for key, url in credentials.told(given, using[0][1].upstream):
            split = urlsplit(url)
            if split.scheme == "http" and not loopback(split.hostname or "") and not self._any_insecure(using):
                words = "would send the keys over plain http; use https, or write insecure = true at the route"
                self.mistake(("credentials", name, *key), words)

    def _any_insecure(self, using: Sequence[tuple[int, Route]]) -> bool:
        return any(given is not None and given.insecure for given in (self.routes[index] for index, _ in using))

    def _verification_warning(self, what: str, *, verify: bool) -> None:
        if not verify:
            self.warnings.append(f"{what}: verify = false, so anybody on the way can take the token")

    def _file(self, name: str | None) -> str | None:
        return None if name is None else str(self.folder / name)


def logging(given: schema.Log) -> Log:
    """Return what a `[log]` table says."""
    return Log(cast("LogFormat", given.format), cast("LogLevel", given.level), given.access, given.sample)


def client_keys(access: schema.Access) -> dict[str, SecretSource]:
    """Return the client keys by name, the one without a name among them."""
    one = {} if access.client_key is None else {ONE_KEY: access.client_key}
    return {**access.client_keys, **one}


def beyond_loopback(address: Address) -> bool:
    """Return whether others than this machine can connect there."""
    return isinstance(address, TcpAddress) and not loopback(address.host)


def insecure(upstream: Upstream) -> bool:
    """Return whether others could read what is sent there."""
    return upstream.scheme == "http" and not loopback(upstream.host)
