"""The memory in which tokens outlive a reload of the configuration."""

from cachetools import TLRUCache

from proxy.core.token import Token
from proxy.tokens.clock import Clock

# One token per credential, with room for those of the configurations before this one; twice as many as there are.
CACHE_SIZE = 256

# By the key of the identity that bought the token.
TokenCache = TLRUCache[str, Token]


def token_cache(clock: Clock, credentials: int = 1) -> TokenCache:
    """Return an empty cache that keeps each token of so many credentials until it expires on this clock."""
    return TLRUCache(max(CACHE_SIZE, 2 * credentials), ttu=lambda _key, token, _now: token.expires_at, timer=clock.time)
