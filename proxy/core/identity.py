"""Who logs in: the secrets of a credential as they were at one moment, and a name for them that tells nothing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from proxy.core.credential import Credential
from proxy.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """The secrets by name, and the key under which a token bought with them may be kept."""

    key: str = field(repr=False)
    secrets: Mapping[str, Secret]


def identity(credential: Credential, secrets: Mapping[str, Secret]) -> Identity:
    """Return the identity of a credential with these secrets; `secrets` has the names of the credential's own fields.

    The key is a SHA-256 over every field, so that no identity is ever served another's token.
    """
    facts = {each.name: repr(getattr(credential, each.name)) for each in fields(credential)}
    facts |= {name: secret.reveal() for name, secret in secrets.items()}
    # surrogatepass: a secret of the environment may hold bytes that are no UTF-8
    digest = hashlib.sha256(repr(sorted(facts.items())).encode("utf-8", "surrogatepass"))
    return Identity(digest.hexdigest(), secrets)
