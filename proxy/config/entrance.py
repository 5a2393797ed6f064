"""Who is let in, and where: what of `[server]`, `[access]` and `[admin]` does not fit together."""

import contextlib
import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from proxy.config import schema
from proxy.config.certificates import Certificates
from proxy.config.lines import Path
from proxy.config.secrets import File, no_file
from proxy.core.access import Access
from proxy.core.address import Address, TcpAddress, loopback
from proxy.core.secret import Secret, SecretSource
from proxy.errors import SecretUnavailable

ONE_KEY = "default"  # the name of the key that is given without one
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Entrance:
    """The tables, None where one had mistakes.

    `mistake` notes a mistake, `exposed` looks whether a secret can be read by others.
    """

    server: schema.Server | None
    access: schema.Access | None
    admin: schema.Admin | None
    folder: FilePath
    mistake: Callable[[Path, str], None]
    exposed: Callable[[str, SecretSource], None]

    def look(self) -> Certificates | None:
        """Note what does not fit together, and return the files of TLS."""
        self._access()
        self._admin()
        return self._tls()

    def _access(self) -> None:
        server, access = self.server, self.access
        if access is not None:
            self._client_keys(access)
        if server is not None and access is not None and not Access(access.allow).beyond_loopback:
            for address in server.listen:
                if beyond_loopback(address):
                    words = 'write access.allow = ["private"], "any" or networks to say who may use the gateway'
                    self.mistake(("server", "listen"), f"{address} is reached from beyond this machine; {words}")

    def _admin(self) -> None:
        admin = self.admin
        if admin is not None and admin.inspector:
            self._inspector(admin)
        if admin is None or admin.listen is None:
            return
        if beyond_loopback(admin.listen) and not Access(admin.allow).beyond_loopback:
            words = 'write admin.allow = ["private"], "any" or networks to say who may ask'
            self.mistake(("admin", "listen"), f"{admin.listen} is reached from beyond this machine; {words}")
        if admin.key is not None:
            self.exposed("admin.key", admin.key)

    def _inspector(self, admin: schema.Admin) -> None:
        """See that the inspector shows traffic to those alone who may see it."""
        path, server = ("admin", "inspector"), self.server
        if server is not None and server.workers > 1:
            self.mistake(path, "sees the traffic of one process; expected server.workers = 1")
        if admin.listen is None:
            self.mistake(path, "has no place to be seen at: admin.listen is empty; expected an address there")
        elif beyond_loopback(admin.listen) and admin.key is None:
            words = "would show the traffic to everybody who reaches it; write admin.key, or listen on 127.0.0.1"
            self.mistake(path, f"{admin.listen} is reached from beyond this machine and {words}")

    def _tls(self) -> Certificates | None:
        server = self.server
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
        self.exposed("server.tls.key", File(found.key))
        return found

    def _client_keys(self, access: schema.Access) -> None:
        keys = client_keys(access)
        for name, key in keys.items():
            path = ("access", "client_keys", name)
            if not NAME.fullmatch(name):
                self.mistake(path, "is no name for the log; expected letters, digits, dots, hyphens and underscores")
            self.exposed(f"access.client_keys.{name}", key)
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


def client_keys(access: schema.Access) -> dict[str, SecretSource]:
    """Return the client keys by name, the one without a name among them."""
    one = {} if access.client_key is None else {ONE_KEY: access.client_key}
    return {**access.client_keys, **one}


def beyond_loopback(address: Address) -> bool:
    """Return whether others than this machine can connect there."""
    return isinstance(address, TcpAddress) and not loopback(address.host)
