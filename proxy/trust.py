"""How origins are verified: one context for each verification, made anew when its file has changed."""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.core.credential import Verification
from proxy.errors import StartError
from proxy.wire.dial import tls_context


@dataclass(frozen=True, slots=True)
class Trust:
    """A context, and what the `ca_file` held when it was made."""

    context: ssl.SSLContext
    content: bytes


Trusts = Mapping[Verification, Trust]


def trusts(wanted: Iterable[Verification], known: Trusts) -> Trusts:
    """Return a context for each of these; a known one whose file is as it was stays the same. Raises StartError.

    May block: a context holds all the system's authorities, which takes 20 ms to read.
    """
    return {verification: _trust(verification, known.get(verification)) for verification in set(wanted)}


def _trust(verification: Verification, known: Trust | None) -> Trust:
    file = verification.ca_file
    try:
        content = b"" if file is None else Path(file).read_bytes()
        if known is not None and known.content == content:
            return known
        return Trust(tls_context(verification), content)
    except OSError as error:
        raise StartError(f"ca_file {file}: {error}") from None
