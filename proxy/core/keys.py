"""The keys by which callers are known, and where a request carries one (interface.md, `client_keys`)."""

import base64
import binascii
import hashlib
import hmac

from proxy.core.fields import AUTHORIZATION, Control
from proxy.core.secret import Secret, octets

FIELD = b"x-proxy-key"
PROXY_AUTHORIZATION = b"proxy-authorization"


class Keys:
    """Keys by the name of who has them, kept as digests; without any there is nobody who passes."""

    def __init__(self) -> None:
        self._digests: dict[str, bytes] = {}

    def set(self, name: str, key: Secret) -> None:
        """Take this key for this name from now on, in place of the one before."""
        self._digests[name] = digest(octets(key.reveal()))

    def owner(self, key: bytes) -> str | None:
        """Return whose key this is, None for nobody's; the time that it takes tells nothing."""
        given, found = digest(key), None
        for name, own in self._digests.items():
            if hmac.compare_digest(given, own):
                found = name
        return found

    def bearer(self, value: bytes | None) -> str | None:
        """Return whose key a field's value carries as the password of Basic, None for nobody's."""
        password = None if value is None else basic_password(value)
        return None if password is None else self.owner(password)


def digest(key: bytes) -> bytes:
    """Return what is compared in place of a key: of one length for all."""
    return hashlib.sha256(key).digest()


def take_key(control: Control, keys: Keys, *, absolute: bool) -> str | None:
    """Return who asks, None where no valid key says so, and take every key of ours off the request.

    A request for an absolute target carries the gateway's own credential in Proxy-Authorization (RFC 9110 §11.7.1).
    """
    key = control.pop(FIELD, None)
    by_field = None if key is None else keys.owner(key.strip(b" \t"))
    by_password = keys.bearer(control.get(AUTHORIZATION))
    if by_password is not None:
        del control[AUTHORIZATION]  # it is a key of ours, so it is no credential of the caller's own
    return by_field or (keys.bearer(control.get(PROXY_AUTHORIZATION)) if absolute else by_password)


def basic_password(value: bytes) -> bytes | None:
    """Return the password in a field's value of the scheme Basic (RFC 7617 §2), None for anything else."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(b" \t"), validate=True)
    except binascii.Error:
        return None
    _, colon, password = pair.partition(b":")
    return password if colon else None
