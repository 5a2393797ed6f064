"""No identity is served another's token."""

from dataclasses import replace

import pytest

from proxy.core.credential import Credential, Reject, Verification
from proxy.core.identity import identity
from proxy.core.secret import Secret
from tests.core.secrets import Given, credential

SECRETS = {"apikey": Secret("the-key"), "secretkey": Secret("the-secret")}
BASE = credential()


def test_the_same_credential_has_the_same_key() -> None:
    """Wherever the secrets come from: it is their values that count."""
    moved = replace(BASE, apikey=Given("read elsewhere", watchable=True))
    assert identity(BASE, SECRETS).key == identity(moved, dict(reversed(SECRETS.items()))).key


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, name="other"),
        replace(BASE, login_url="https://iam.example/iam/login/"),
        replace(BASE, app_id="forepaas"),
        replace(BASE, ttl=60.0),
        replace(BASE, login_timeout=1.0),
        replace(BASE, verification=Verification(verify=False)),
        replace(BASE, reject=(Reject(403),)),
    ],
)
def test_every_field_counts(other: Credential) -> None:
    """Another URL, another name, another anything: another key."""
    assert identity(other, SECRETS).key != identity(BASE, SECRETS).key


@pytest.mark.parametrize(
    "secrets",
    [
        {"apikey": "the-key", "secretkey": "rotated"},
        {"apikey": "the-secret", "secretkey": "the-key"},
        {"apikey": "the-keythe-secret", "secretkey": ""},
        {"apikey": "the-key'), ('secretkey', 'the-secret", "secretkey": ""},
    ],
)
def test_every_secret_counts(secrets: dict[str, str]) -> None:
    """A rotated secret is another key, and no spelling of two secrets reads like another two."""
    found = identity(BASE, {name: Secret(text) for name, text in secrets.items()})
    assert found.key != identity(BASE, SECRETS).key


def test_the_key_tells_nothing() -> None:
    """It is a digest, and not even that is printed; a secret that is no UTF-8 has one, too."""
    found = identity(BASE, SECRETS | {"apikey": Secret("\udcff")})
    assert len(found.key) == 64
    assert found.key not in repr(found)
    assert "the-secret" not in repr(found)
