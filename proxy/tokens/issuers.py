"""From a credential to what issues its tokens."""

from proxy.core.credential import Credential
from proxy.core.held import Held
from proxy.tokens.clock import Clock
from proxy.tokens.given import Given
from proxy.tokens.login import Login
from proxy.tokens.source import Issuer


def issuer_of(credential: Credential, clock: Clock) -> Issuer:
    """Return the issuer: a login, or what the operator gave."""
    recipe = credential.recipe
    return Given(recipe, clock=clock) if isinstance(recipe, Held) else Login(credential, clock=clock)
