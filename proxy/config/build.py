"""From validated tables to the values of `core`: defaults that depend on other keys, and what does not fit together."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, cast
from urllib.parse import urlsplit

from proxy.config import credentials, kinds, proxies, schema
from proxy.config.entrance import Entrance, client_keys
from proxy.config.lines import Path
from proxy.config.secrets import File
from proxy.config.settings import Admin, Config, Log, LogFormat, LogLevel, Server, Tokens
from proxy.core.access import Access
from proxy.core.address import Upstream, loopback
from proxy.core.credential import Credential, Verification
from proxy.core.egress import Egress, EgressProxy
from proxy.core.limits import Limits
from proxy.core.needles import SHORTEST, hidden, too_short
from proxy.core.route import ClientAuthorization, Route
from proxy.core.secret import SecretSource
from proxy.core.store import StoreFile
from proxy.core.timeouts import Timeouts
from proxy.errors import SecretUnavailable

NONE = "none"
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
        tls = Entrance(
            cast("schema.Server | None", self.sections["server"]),
            cast("schema.Access | None", self.sections["access"]),
            cast("schema.Admin | None", self.sections["admin"]),
            self.folder,
            self.mistake,
            self._exposed,
        ).look()
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


def insecure(upstream: Upstream) -> bool:
    """Return whether others could read what is sent there."""
    return upstream.scheme == "http" and not loopback(upstream.host)
