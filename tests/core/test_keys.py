"""Client keys: whose they are, and where a request carries one."""

import base64
import hmac

import pytest

from proxy.core.fields import Control
from proxy.core.keys import Keys, basic_password, take_key
from proxy.core.secret import Secret


def basic(pair: bytes, scheme: bytes = b"Basic ") -> bytes:
    """Return a field's value of the scheme Basic."""
    return scheme + base64.b64encode(pair)


def two_keys() -> Keys:
    """Return the keys of two callers."""
    keys = Keys()
    keys.set("cron", Secret("key-of-cron"))
    keys.set("excel", Secret("schlüssel: mit Doppelpunkt"))
    return keys


def test_whose_a_key_is() -> None:
    """The name of who has it; nobody's for anything else, were it a beginning or a name."""
    keys = two_keys()
    assert keys.owner(b"key-of-cron") == "cron"
    assert keys.owner("schlüssel: mit Doppelpunkt".encode()) == "excel"
    for wrong in (b"", b"key-of-cro", b"key-of-cron ", b"KEY-OF-CRON", b"cron", b"\xff\x00"):
        assert keys.owner(wrong) is None
    assert Keys().owner(b"") is None


def test_a_key_may_hold_bytes_that_are_no_text() -> None:
    """A variable of the environment may; such secrets are compared as any other."""
    odd = b"key-\xff".decode("utf-8", "surrogateescape")
    assert Secret(odd) == Secret(odd)
    assert Secret(odd) != Secret("key-?")
    keys = Keys()
    keys.set("cron", Secret(odd))
    assert keys.owner(b"key-\xff") == "cron"


def test_a_new_key_takes_the_place_of_the_old() -> None:
    """After a rotation the old one opens nothing."""
    keys = two_keys()
    keys.set("cron", Secret("next"))
    assert (keys.owner(b"key-of-cron"), keys.owner(b"next")) == (None, "cron")


def test_the_comparison_takes_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key is compared, by compare_digest, over texts of one length, whichever matches."""
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for key in (b"key-of-cron", "schlüssel: mit Doppelpunkt".encode(), b"", b"x" * 1000):
        compared.clear()
        two_keys().owner(key)
        assert compared == [(32, 32), (32, 32)]


@pytest.mark.parametrize(
    ("value", "password"),
    [
        (basic(b"user:secret"), b"secret"),
        (basic(b":secret"), b"secret"),
        (basic(b"user:"), b""),
        (basic(b"user:a:b"), b"a:b"),
        (basic(b"user:secret", b"bAsIc   "), b"secret"),
        (basic(b"no colon"), None),
        (b"Basic", None),
        (b"Basic !!!!", None),
        (b"Basic dXNlcjpzZWNyZXQ", None),
        (b"Bearer dXNlcjpzZWNyZXQ=", None),
        (basic(b"a:b") + b", " + basic(b"c:d"), None),
        (b"", None),
    ],
)
def test_the_password_of_basic(value: bytes, password: bytes | None) -> None:
    """RFC 7617 §2: what stands behind the first colon; nothing is guessed."""
    assert basic_password(value) == password


KEY = basic(b"x:key-of-cron")
OWN = basic(b"me:my own")
TO_A_PROXY = {b"proxy-authorization": KEY, b"authorization": OWN}


@pytest.mark.parametrize(
    ("control", "absolute", "name", "left"),
    [
        ({}, False, None, {}),
        ({b"x-proxy-key": b"key-of-cron"}, False, "cron", {}),
        ({b"x-proxy-key": b"wrong"}, False, None, {}),
        ({b"x-proxy-key": b"key-of-cron, key-of-cron"}, False, None, {}),
        ({b"authorization": KEY}, False, "cron", {}),
        ({b"authorization": OWN}, False, None, {b"authorization": OWN}),
        ({b"authorization": b"Bearer key-of-cron"}, False, None, {b"authorization": b"Bearer key-of-cron"}),
        ({b"x-proxy-key": b"key-of-cron", b"authorization": OWN}, False, "cron", {b"authorization": OWN}),
        ({b"x-proxy-key": b"key-of-cron", b"authorization": KEY}, False, "cron", {}),
        ({b"x-proxy-key": b"wrong", b"authorization": KEY}, False, "cron", {}),
        ({b"proxy-authorization": KEY}, False, None, {b"proxy-authorization": KEY}),
        (TO_A_PROXY, True, "cron", TO_A_PROXY),
        ({b"authorization": KEY}, True, None, {}),
        ({b"x-proxy-key": b"key-of-cron"}, True, "cron", {}),
    ],
)
def test_where_a_request_carries_a_key(control: Control, absolute: bool, name: str | None, left: Control) -> None:
    """X-Proxy-Key, or the password of Basic; to a proxy in Proxy-Authorization. What is a key of ours is taken off."""
    given = dict(control)
    assert take_key(given, two_keys(), absolute=absolute) == name
    assert given == left
