"""Certificates of a test's own: for the gateway, for its clients, and for those that it must not let in."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trustme

from proxy.config.certificates import Certificates

EXPIRED = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Authority:
    """Issues certificates, and keeps its files in a folder."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    def gateway(self, name: str = "localhost", *, asks: bool = False) -> Certificates:
        """Write a certificate of the gateway's; with `asks` its clients need one of this authority too."""
        cert, key, authority = (self.folder / file for file in ("cert.pem", "key.pem", "ca.pem"))
        issued = self.ca.issue_cert(name, "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        self.ca.cert_pem.write_to_path(authority)
        return Certificates(cert, key, authority if asks else None)

    def trusting(self) -> ssl.SSLContext:
        """Return how a client speaks TLS that trusts this authority."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context

    def client(
        self, *identities: str, name: str | None = None, by: trustme.CA | None = None, expired: bool = False
    ) -> ssl.SSLContext:
        """Return how a client speaks TLS that has a certificate, `by` another authority if one is given."""
        context = self.trusting()
        until = EXPIRED if expired else None
        (by or self.ca).issue_cert(*identities, common_name=name, not_after=until).configure_cert(context)
        return context

    def pem(self, *identities: str) -> Path:
        """Write a client's certificate with its key into one file."""
        file = self.folder / "client.pem"
        self.ca.issue_cert(*identities).private_key_and_cert_chain_pem.write_to_path(file)
        return file
