"""The gateway's own certificate for TLS towards clients: three files, and what is wrong with them."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.config.secrets import FILE_POLL
from proxy.errors import CertificateUnusable

CERTIFICATE, PRIVATE_KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
ENCRYPTED = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")  # PKCS #8, and what came before it

# The content of the files: certificate, key, and the authorities of clients where they need certificates.
Contents = tuple[bytes, bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Certificates:
    """`server.tls`: files in PEM. With `client_ca` a client needs a certificate that these authorities have issued."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    poll: float = FILE_POLL

    def read(self) -> Contents:
        """Return what the files hold now. May block. Raises CertificateUnusable."""
        return self._read_cert(), self._read_key(), self._read_authorities()

    def faults(self) -> list[CertificateUnusable]:
        """Return what is wrong with each file; where nothing is, what is wrong with them together."""
        return _faults(self._read_cert, self._read_key, self._read_authorities) or _faults(self.context)

    def context(self) -> ssl.SSLContext:
        """Return how TLS is spoken with clients, by the files as they are now. Raises CertificateUnusable.

        TLS 1.2 at least, and the ciphers that Python's own defaults allow: all have forward secrecy.
        """
        self.read()  # says more than OpenSSL does, which would ask at the terminal for the password of a key
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION  # RFC 9325 §3.5: it costs the server more than the client
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        if self.client_ca is not None:
            self._load_authorities(context, self.client_ca)
        return context

    def _read_cert(self) -> bytes:
        return _pem(self.cert, "cert", CERTIFICATE, "certificate")

    def _read_key(self) -> bytes:
        text = _pem(self.key, "key", PRIVATE_KEY, "private key")
        if any(mark in text for mark in ENCRYPTED):
            raise CertificateUnusable("key", f"{self.key} is encrypted, and nobody is there to type its password")
        return text

    def _read_authorities(self) -> bytes | None:
        return None if self.client_ca is None else _pem(self.client_ca, "client_ca", CERTIFICATE, "certificate")

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.cert, self.key, password=lambda: b"")
        except ssl.SSLError as error:
            if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
                words = f"{self.key} does not belong to the certificate in {self.cert}"
                raise CertificateUnusable("key", words) from None
            words = f"{self.cert} with {self.key} cannot be loaded; {damage(error)}"
            raise CertificateUnusable("cert", words) from None
        except OSError as error:
            raise CertificateUnusable("cert", f"{self.cert} or {self.key}: {error.strerror}") from None

    def _load_authorities(self, context: ssl.SSLContext, file: Path) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(file)
        except OSError as error:  # SSLError is one
            raise CertificateUnusable("client_ca", f"{file} cannot be loaded; {damage(error)}") from None


def _faults(*looks: Callable[[], object]) -> list[CertificateUnusable]:
    found = []
    for look in looks:
        try:
            look()
        except CertificateUnusable as error:
            found.append(error)
    return found


def _pem(path: Path, key: str, mark: bytes, what: str) -> bytes:
    """Return what a file holds, if it looks like what it is to be."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(key, f"{path}: {error.strerror}") from None
    if mark not in text:
        raise CertificateUnusable(key, f"{path} holds no {what} in PEM")
    return text


def damage(error: OSError) -> str:
    """Return what OpenSSL says of a file, as far as it says anything."""
    reason = getattr(error, "reason", None) or error.strerror
    return f"OpenSSL says {reason}" if reason and "(_ssl.c" not in reason else "its PEM is damaged"
