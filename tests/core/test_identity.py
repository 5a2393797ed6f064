"""No identity is served another's token."""

from dataclasses import replace

import pytest

from proxy.core.apikey import ApikeyRecipe
from proxy.core.identity import Identity, identity
from proxy.core.recipe import facts
from proxy.core.secret import Secret
from tests.core.secrets import Given

SECRETS = {"apikey": Secret("the-key"), "secretkey": Secret("the-secret")}
BASE = ApikeyRecipe("https://iam.example/iam/login", Given("the-key"), Given("the-secret"))


def of(recipe: ApikeyRecipe, secrets: dict[str, Secret] = SECRETS) -> Identity:
    """Return the identity of a recipe with these secrets."""
    return identity(facts(recipe, secrets), secrets)


def test_the_same_login_has_the_same_key() -> None:
    """Wherever the secrets come from: it is what would be sent that counts."""
    moved = replace(BASE, apikey=Given("read elsewhere", poll=5.0))
    assert of(BASE).key == of(moved, dict(reversed(SECRETS.items()))).key


@pytest.mark.parametrize(
    "other", [replace(BASE, url="https://iam.example/iam/login/"), replace(BASE, app_id="forepaas")]
)
def test_everything_that_is_sent_counts(other: ApikeyRecipe) -> None:
    """Another URL, another application: another key."""
    assert of(other).key != of(BASE).key


@pytest.mark.parametrize(
    "secrets",
    [
        {"apikey": "the-key", "secretkey": "rotated"},
        {"apikey": "the-secret", "secretkey": "the-key"},
        {"apikey": "the-keythe-secret", "secretkey": ""},
        {"apikey": "the-key'), ('secretkey', 'the-secret", "secretkey": ""},
        {"apikey": 'the-key", "secretkey": "the-secret', "secretkey": ""},
    ],
)
def test_every_secret_counts(secrets: dict[str, str]) -> None:
    """A rotated secret is another key, and no spelling of two secrets reads like another two."""
    assert of(BASE, {name: Secret(text) for name, text in secrets.items()}).key != of(BASE).key


def test_the_key_tells_nothing() -> None:
    """It is a digest, and not even that is printed; a secret that is no UTF-8 has one, too."""
    found = of(BASE, SECRETS | {"apikey": Secret("\udcff")})
    assert len(found.key) == 64
    assert found.key not in repr(found)
    assert "the-secret" not in repr(found)
