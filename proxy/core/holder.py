"""Whom a client's certificate names."""

from collections.abc import Mapping
from typing import Any

# RFC 5280 §4.2.1.6 sets no bound; a log does.
LONGEST = 256


def holder(certificate: Mapping[str, Any] | None) -> str:
    """Return the holder of a verified certificate: its common name, else its first alternative name, else nothing.

    `certificate` is what `SSLSocket.getpeercert()` returns. What cannot be printed becomes "?".
    """
    if not certificate:
        return ""
    subject = (pair for part in certificate.get("subject", ()) for pair in part)
    names = [value for name, value in subject if name == "commonName"]
    names += [value for _, value in certificate.get("subjectAltName", ()) if isinstance(value, str)]
    name = next(filter(None, names), "")[:LONGEST]
    return "".join(character if character.isprintable() else "?" for character in name)
