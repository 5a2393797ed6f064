"""The seal on what is shared: name and key come from the credential's secrets, so that a stolen store tells nothing."""

import asyncio
import base64
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from proxy.core import note
from proxy.core.note import Note
from proxy.errors import StoreDamaged, StoreError

# scrypt (RFC 7914 §2) with N=2^14, r=8, p=1: a guess at a weak secret costs 16 MiB and 50 to 100 ms, whether it is
# tried on a name or on what is sealed. Keys that a platform makes cannot be guessed at any price; what more would cost
# is the start of a gateway with a thousand credentials.
COST, BLOCK, PARALLEL = 2**14, 8, 1
# The same everywhere: all replicas have to come to the same name. The number is that of the notes' form.
SALT = b"iam-proxy tokens.store 1"
KEY, NAME = 32, 16

# Beside the default threads, where secrets are read within a time; no more than this, for each takes 16 MiB.
_THREADS = ThreadPoolExecutor(min(os.cpu_count() or 1, 4), "iam-proxy-seal")


class Seal:
    """Seals notes of one identity and opens them; `name` is where its token lies, `failure` word of a failed login."""

    def __init__(self, identity_key: str) -> None:
        from cryptography.fernet import Fernet  # noqa: PLC0415  of the extra `shared`, and needed with a store alone

        derived = hashlib.scrypt(
            identity_key.encode(), salt=SALT, n=COST, r=BLOCK, p=PARALLEL, dklen=KEY + NAME, maxmem=2**26
        )
        self.name = derived[KEY:].hex()
        self.failure = f"{self.name}-failure"
        self._fernet = Fernet(base64.urlsafe_b64encode(derived[:KEY]))

    def close(self, written: Note) -> bytes:
        """Return a note, sealed."""
        return self._fernet.encrypt(note.written(written))

    def open(self, sealed: bytes) -> Note:
        """Return the note under a seal. Raises StoreDamaged for what was not sealed by this very identity."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  as above

        try:
            return note.read(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            raise StoreDamaged("what lies in the store is not ours, or damaged") from None


def deriving(identity_key: str) -> asyncio.Future[Seal]:
    """Begin to derive the seal of an identity, off the loop."""
    return asyncio.get_running_loop().run_in_executor(_THREADS, _derived, identity_key)


def _derived(identity_key: str) -> Seal:
    try:
        return Seal(identity_key)
    except (MemoryError, ValueError) as error:  # OpenSSL says a lack of memory either way
        raise StoreError(f"no key could be derived: {type(error).__name__}") from None
