"""What a JSON Web Token says of itself (RFC 7519). Nothing is verified: it is the origin that has to believe it."""

import base64
import json

PARTS = 3  # header, claims, signature (RFC 7515 §3.1)


def expiry(token: str) -> object:
    """Return the `exp` claim (RFC 7519 §4.1.4) as it stands there, None for what is no such token."""
    parts = token.split(".")
    if len(parts) != PARTS or not token.isascii():
        return None
    claims = parts[1]
    try:
        # RFC 7515 §2 leaves the padding out; what there is too much of it is not looked at.
        found: object = json.loads(base64.urlsafe_b64decode(claims + "==="))
    except (ValueError, RecursionError):
        return None
    return found.get("exp") if isinstance(found, dict) else None
