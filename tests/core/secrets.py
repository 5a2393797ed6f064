"""Secret sources for tests."""

from dataclasses import dataclass

from proxy.core.credential import Credential
from proxy.core.secret import Secret


@dataclass
class Given:
    """A secret that a test sets; `watchable` as if it were in a file."""

    text: str
    watchable: bool = False

    def read(self) -> Secret:
        """Return the secret as it is now."""
        return Secret(self.text)


def credential(login_url: str = "https://iam.example/iam/login", app_id: str | None = None) -> Credential:
    """Return a credential with made-up keys."""
    return Credential("main", login_url, Given("the-key"), Given("the-secret"), app_id=app_id)
