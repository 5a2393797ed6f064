"""Products with a login of their own, as far as their documentation describes it: fakes, not the real things.

Each takes the documented login request and no other, and answers it, a dead token and a lack of rights as it does.
"""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qsl

from tests.fakes.origin import OK, Arrived, Visit

FORBIDDEN = b"/forbidden"


def reply(status: int, body: object) -> bytes:
    """Return an answer with this JSON value, or this very text, as its body."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(content),
        content,
    )


def jwt(number: int, lifetime: float) -> str:
    """Return a token that says when it expires, signed by nobody."""
    claims = {"sub": "1", "jti": str(number), "exp": int(time.time() + lifetime)}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return b".".join((*(part.rstrip(b"=") for part in parts), b"c2lnbmF0dXJl")).decode()


@dataclass
class Product:
    """Gives out tokens at its login and takes the live ones anywhere else; use `visit` as an origin's script."""

    login: ClassVar[bytes]
    type: ClassVar[bytes] = b"application/json"
    keys: ClassVar[object]
    refused: ClassVar[tuple[int, object]] = (401, {"message": "Unauthorized"})
    dead: ClassVar[tuple[int, object]] = (401, {"message": "Unauthorized"})
    forbidden: ClassVar[tuple[int, object]] = (403, {"message": "Forbidden"})
    lifetime: ClassVar[float] = 3600.0

    logins: int = 0
    failed: int = 0
    live: set[str] = field(default_factory=set)

    async def visit(self, visit: Visit) -> None:
        """Serve one connection."""
        while True:
            await visit.send(self.answer(await visit.request()))

    def answer(self, arrived: Arrived) -> bytes:
        """Answer a request."""
        if arrived.line == self.login + b" HTTP/1.1":
            return self._login(arrived)
        if self.carried(arrived) not in self.live:
            return reply(*self.dead)
        return reply(*self.forbidden) if FORBIDDEN in arrived.line else OK

    def _login(self, arrived: Arrived) -> bytes:
        if arrived.values(b"content-type") != [self.type] or self.given(arrived) != self.keys:
            self.failed += 1
            return reply(*self.refused)
        self.logins += 1
        token = self.token()
        self.live.add(token)
        return reply(*self.session(token))

    def given(self, arrived: Arrived) -> object:
        """Return the keys that a login request brings."""
        return json.loads(arrived.body)

    def token(self) -> str:
        """Return another token than before."""
        return f"token-{self.logins}"

    def session(self, token: str) -> tuple[int, object]:
        """Return status and body of a login that succeeds."""
        raise NotImplementedError

    def carried(self, arrived: Arrived) -> str:
        """Return the token that a request carries."""
        return b"".join(arrived.values(b"authorization")).decode().removeprefix("Bearer ")


class OAuthServer(Product):
    """An OAuth 2.0 server with the API that it guards (RFC 6749 §4.4, RFC 6750)."""

    login = b"POST /token"
    type = b"application/x-www-form-urlencoded"
    keys: ClassVar[object] = ("reports:right", {"grant_type": "client_credentials", "scope": "read"})
    refused = (401, {"error": "invalid_client"})
    dead = (401, {"error": "invalid_token"})

    def given(self, arrived: Arrived) -> object:
        """Return the client's name and password, and the form."""
        line = b"".join(arrived.values(b"authorization")).removeprefix(b"Basic ")
        return base64.b64decode(line).decode(), dict(parse_qsl(arrived.body.decode()))

    def session(self, token: str) -> tuple[int, object]:
        """RFC 6749 §5.1."""
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "read"}


class Superset(Product):
    """Apache Superset."""

    login = b"POST /api/v1/security/login"
    keys: ClassVar[object] = {"username": "reports", "password": "right", "provider": "db", "refresh": False}
    refused = (401, {"message": "Not authorized"})
    dead = (422, {"msg": "Signature verification failed"})
    lifetime = 900.0

    def token(self) -> str:
        """Return a JWT."""
        return jwt(self.logins, self.lifetime)

    def session(self, token: str) -> tuple[int, object]:
        """The answer of Flask-AppBuilder."""
        return 200, {"access_token": token}


class Airflow(Product):
    """Apache Airflow 3."""

    login = b"POST /auth/token"
    keys: ClassVar[object] = {"username": "reports", "password": "right"}
    refused = (401, {"detail": "Invalid credentials"})
    dead = (403, {"detail": "Invalid JWT token"})
    forbidden = (403, {"detail": "Forbidden"})
    lifetime = 86_000.0

    def token(self) -> str:
        """Return a JWT."""
        return jwt(self.logins, self.lifetime)

    def session(self, token: str) -> tuple[int, object]:
        """201, and nothing but the token."""
        return 201, {"access_token": token}


class Vault(Product):
    """HashiCorp Vault with AppRole."""

    login = b"POST /v1/auth/approle/login"
    keys: ClassVar[object] = {"role_id": "role", "secret_id": "right"}
    refused = (400, {"errors": ["invalid role or secret ID"]})
    dead = (403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})
    forbidden = (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
    lifetime = 1200.0

    def session(self, token: str) -> tuple[int, object]:
        """The answer of every auth method."""
        auth = {"client_token": token, "accessor": "a", "policies": ["default"], "lease_duration": 1200}
        return 200, {"request_id": "r", "lease_duration": 0, "data": None, "auth": {**auth, "renewable": True}}

    def carried(self, arrived: Arrived) -> str:
        """Vault's own field."""
        return b"".join(arrived.values(b"x-vault-token")).decode()


class Metabase(Product):
    """Metabase."""

    login = b"POST /api/session"
    keys: ClassVar[object] = {"username": "reports@example.com", "password": "right"}
    refused = (401, {"errors": {"password": "did not match stored password"}})
    dead = (401, "Unauthenticated")
    forbidden = (403, "You don't have permissions to do that.")
    lifetime = 7 * 86_400.0

    def session(self, token: str) -> tuple[int, object]:
        """Nothing but the session's id."""
        return 200, {"id": token}

    def carried(self, arrived: Arrived) -> str:
        """Metabase's own field."""
        return b"".join(arrived.values(b"x-metabase-session")).decode()


def directus_error(code: str) -> object:
    """Return an error as Directus writes it."""
    return {"errors": [{"message": "…", "extensions": {"code": code}}]}


class Directus(Product):
    """Directus."""

    login = b"POST /auth/login"
    keys: ClassVar[object] = {"email": "reports@example.com", "password": "right", "mode": "json"}
    refused = (401, directus_error("INVALID_CREDENTIALS"))
    dead = (403, directus_error("INVALID_TOKEN"))
    forbidden = (403, directus_error("FORBIDDEN"))
    lifetime = 900.0

    def session(self, token: str) -> tuple[int, object]:
        """The expiry is in milliseconds."""
        return 200, {"data": {"access_token": token, "expires": 900_000, "refresh_token": "r"}}
