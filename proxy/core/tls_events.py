"""What becomes of TLS towards clients, told to the observers: facts, never a key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """A client did not get as far as a request; `cause` is what OpenSSL or the network said."""

    peer: str
    cause: str


@dataclass(frozen=True, slots=True)
class CertificateChanged:
    """New connections get the certificate that the files hold now."""

    file: str


@dataclass(frozen=True, slots=True)
class CertificateKept:
    """The files have changed and cannot be used, which `cause` explains: the certificate stays as it is."""

    cause: str


TlsEvent = HandshakeFailed | CertificateChanged | CertificateKept
