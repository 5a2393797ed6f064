"""Secret sources for tests."""

from dataclasses import dataclass

from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential
from proxy.core.secret import Secret, SecretSource


@dataclass(frozen=True)
class Given:
    """A secret that a test sets; `poll` as if it could change."""

    text: str
    poll: float | None = None

    def read(self) -> Secret:
        """Return the secret as it is now."""
        return Secret(self.text)


def credential(
    login_url: str = "https://iam.example/iam/login",
    app_id: str | None = None,
    apikey: SecretSource = Given("the-key"),
    secretkey: SecretSource = Given("the-secret"),
) -> Credential:
    """Return a credential with made-up keys."""
    return Credential("main", ApikeyRecipe(login_url, apikey, secretkey, app_id))


def apikey_login(credential: Credential) -> ApikeyRecipe:
    """Return the recipe of a credential of the kind `apikey`."""
    assert isinstance(credential.recipe, ApikeyRecipe)
    return credential.recipe
