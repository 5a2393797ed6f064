"""The seal: what is stolen without the secrets tells nothing."""

import subprocess
import sys

import pytest

from proxy.core.identity import identity
from proxy.core.note import TokenNote
from proxy.core.recipe import facts
from proxy.core.secret import Secret
from proxy.errors import StoreDamaged
from proxy.tokens.seal import Seal, deriving
from tests.core.secrets import apikey_login, credential

NOTE = TokenNote("f54e34a56b897", 3600.0, 1_700_000_000.0)


def key(secretkey: str, url: str = "https://iam.example/iam/login") -> str:
    """Return the key of an identity."""
    secrets = {"apikey": Secret("the-key"), "secretkey": Secret(secretkey)}
    return identity(facts(apikey_login(credential(url)), secrets), secrets).key


def test_the_same_secrets_have_the_same_seal_everywhere() -> None:
    """Whoever holds the keys finds the token and reads it; no two seals of one note are alike."""
    one, other = Seal(key("s")), Seal(key("s"))
    assert one.name == other.name
    assert other.open(one.close(NOTE)) == NOTE
    assert one.close(NOTE) != one.close(NOTE)


@pytest.mark.parametrize("other", [key("another"), key("s", "https://iam.example/other")])
def test_another_identity_reads_nothing_and_finds_nothing(other: str) -> None:
    """Neither with another secret nor for another login."""
    one, stranger = Seal(key("s")), Seal(other)
    assert one.name != stranger.name
    with pytest.raises(StoreDamaged):
        stranger.open(one.close(NOTE))


def test_name_and_sealed_bytes_hold_nothing_of_what_they_stand_for() -> None:
    """Not the token, not the secret, and not the key in memory, which a guess could be tried on."""
    seal = Seal(key("hunter2-hunter2"))
    shown = seal.name.encode() + seal.failure.encode() + seal.close(NOTE)
    for hidden in (NOTE.text, "hunter2-hunter2", "the-key", key("hunter2-hunter2"), key("hunter2-hunter2")[:32]):
        assert hidden.encode() not in shown


@pytest.mark.parametrize("sealed", [b"", b"gAAAAA", b"\xff\xfe", b"{}", Seal("k").close(NOTE)[:-4]])
def test_what_is_damaged_is_told_apart(sealed: bytes) -> None:
    """Cut, foreign or empty: one kind of error, without a byte of it."""
    with pytest.raises(StoreDamaged, match="is not ours, or damaged"):
        Seal("k").open(sealed)


def test_one_changed_byte_breaks_the_seal() -> None:
    """Whoever can write into the store cannot make up a token."""
    seal = Seal("k")
    sealed = bytearray(seal.close(NOTE))
    sealed[40] ^= 1
    with pytest.raises(StoreDamaged):
        seal.open(bytes(sealed))


def test_a_lack_of_memory_is_told_as_a_store_of_no_use() -> None:
    """In a process that may not grow: a StoreError, for which a login is made without the store."""
    code = (
        "import resource; from proxy.tokens.seal import _derived, Seal; from proxy.errors import StoreError\n"
        "import cryptography.fernet\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**22, resource.RLIM_INFINITY))\n"
        "try: _derived('k')\n"
        "except StoreError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  our own
    assert done.stdout.startswith("no key could be derived: ")


async def test_it_is_derived_off_the_loop() -> None:
    """The loop turns while scrypt works."""
    future = deriving("k")
    assert not future.done()
    assert (await future).name == Seal("k").name
