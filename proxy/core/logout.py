"""How a session is ended at the platform, so that it does not count against those that a project may have."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from proxy.core.injection import Injection
from proxy.core.login_recipe import LoginRecipe
from proxy.core.recipe import LoginRequest, Secrets


class Logout(Protocol):
    """What ends the session of a token."""

    def request(self, text: str, secrets: Secrets) -> LoginRequest:
        """Return the request that ends the session of this token, which these secrets have bought."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformLogout:
    """`DELETE /iam/logout?app_id=&token=` (platform.md, "Login")."""

    url: str
    app_id: str | None = None

    def request(self, text: str, secrets: Secrets) -> LoginRequest:
        """Return the request of the Data Platform."""
        del secrets
        query = urlencode({"app_id": self.app_id or "", "token": text}, quote_via=quote)
        return LoginRequest("DELETE", f"{self.url}{'&' if '?' in self.url else '?'}{query}", (), b"")


@dataclass(frozen=True, slots=True)
class Revocation:
    """The revocation of OAuth 2.0 (RFC 7009 §2.1): the client says who it is as it does for a token."""

    url: str
    recipe: LoginRecipe

    def request(self, text: str, secrets: Secrets) -> LoginRequest:
        """Return the request: that for a token, asking for the opposite."""
        asked = self.recipe.request(secrets)
        form = urlencode({"token": text, "token_type_hint": "access_token"}).encode()
        return LoginRequest("POST", self.url, asked.headers, form + b"&" + asked.body)


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """`DELETE` with the token where requests carry it: what most other platforms take."""

    url: str
    injection: Injection

    def request(self, text: str, secrets: Secrets) -> LoginRequest:
        """Return the request."""
        del secrets
        url, lines = self.injection.injected(self.url.encode(), [], text)
        fields = (line.decode().rstrip("\r\n").partition(": ") for line in lines)
        return LoginRequest("DELETE", url.decode(), tuple((name, value) for name, _, value in fields), b"")
