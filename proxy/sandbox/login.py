"""Trading keys for a token, and giving it back (platform.md, "Login")."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from proxy.sandbox.events import LoggedIn, Refused, fingerprint
from proxy.sandbox.platform import Sandbox
from proxy.sandbox.sessions import Session

PATHS = ("/iam/login", "/iam/v4/login", "/cam/login", "/cam/v4/login")
LOGOUTS = ("/iam/logout", "/iam/v4/logout")
SESSIONS = ("/iam/v4/checkSession", "/cam/v4/checkSession")


class Login:
    """The login endpoints of a platform."""

    def __init__(self, platform: Sandbox) -> None:
        self._platform = platform

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            *(web.post(path, self.login) for path in PATHS),
            *(web.delete(path, self.logout) for path in LOGOUTS),
            *(web.get(path, self.session) for path in SESSIONS),
        ]

    async def login(self, request: web.Request) -> web.Response:
        """Trade keys for a token."""
        platform, keys = self._platform, await form(request)
        if keys is None:
            platform.failed_logins += 1
            return web.json_response({"error": "Invalid parameters"}, status=400)
        if keys.get("auth_mode") != "apikey" or not platform.takes(keys.get("apikey", ""), keys.get("secretkey", "")):
            platform.failed_logins += 1
            platform.tell(Refused(request.method, request.path, 401))
            return web.json_response({"error": "Invalid Credentials or Rights", "warning": ""}, status=401)
        platform.logins += 1
        session = platform.sessions.begin(platform.ttl)
        platform.tell(LoggedIn(fingerprint(session.token), session.lifetime))
        return web.json_response(described(session, platform))

    async def logout(self, request: web.Request) -> web.Response:
        """End a session."""
        return web.json_response({"success": self._platform.sessions.end(request.query.get("token", ""))})

    async def session(self, request: web.Request) -> web.Response:
        """Tell whether a token is live."""
        live = self._platform.sessions.use(request.query.get("token", ""), sliding=self._platform.sliding)
        return web.json_response({"success": live}, status=200 if live else 401)


async def form(request: web.Request) -> Mapping[str, str] | None:
    """Return the texts of a JSON or form body, None for anything else."""
    if request.content_type == "application/x-www-form-urlencoded":
        return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    try:
        value = json.loads(await request.read())
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return {key: each for key, each in value.items() if isinstance(each, str)}


def described(session: Session, platform: Sandbox) -> dict[str, Any]:
    """Return a login's answer, with the expiry fields that are switched on and the platform's stray space."""
    body: dict[str, Any] = {
        "uid": "5f0e3b0c",
        "user": "demo",
        "firstname": "Demo",
        "lastname": "User",
        "civility": "",
        "login": "demo@example.com",
        "password_renew": False,
        "password_expiration": None,
        "token": session.token,
        "token_refreshed_at": date(platform.clock()),
    }
    if platform.faults.expiry in {"both", "duration"}:
        body["token_duration"] = session.lifetime
    if platform.faults.expiry in {"both", "expire"}:
        body["token_expire"] = date(session.ends) + " "
    return body


def date(when: float) -> str:
    """Return a time as the platform writes it."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
