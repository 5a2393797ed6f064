"""The platform's own login, `kind = "apikey"` (platform.md, "Login")."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.core.expiry import lifetime
from proxy.core.recipe import REFUSALS, Grant, LoginAnswer, LoginRequest, granted, json_object, judge
from proxy.core.secret import Secret, SecretSource

# interface.md, "Which logins are refused": the platform answers 400 to a key it cannot even read.
PLATFORM_REFUSALS = REFUSALS | {400}
FIRST_ERROR = 400

_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


@dataclass(frozen=True, slots=True)
class ApikeyRecipe:
    """The JSON login of the Data Platform: an API key and its secret key against a session object."""

    url: str
    apikey: SecretSource
    secretkey: SecretSource
    app_id: str | None = None

    @property
    def sources(self) -> Mapping[str, SecretSource]:
        """The API key and its secret."""
        return {"apikey": self.apikey, "secretkey": self.secretkey}

    @property
    def reads(self) -> str:
        """The platform's session object."""
        return "token"

    def request(self, secrets: Mapping[str, Secret]) -> LoginRequest:
        """Return the JSON login request of the platform."""
        fields = {"auth_mode": "apikey"} | {name: secrets[name].reveal() for name in self.sources}
        if self.app_id is not None:
            fields["app_id"] = self.app_id
        return LoginRequest("POST", self.url, _JSON, json.dumps(fields).encode())

    def read(self, answer: LoginAnswer, now: float) -> Grant:
        """Return token and lifetime of the platform's answer.

        A `status` of the body that is an error counts as if it were the answer's own: the platform sends both.
        """
        judge(answer.status, "status", PLATFORM_REFUSALS)
        session = json_object(answer.body)
        if (status := _integer(session.get("status"))) >= FIRST_ERROR:
            judge(status, "status in the body", PLATFORM_REFUSALS)
        text = session.get("token")
        failed = session.get("success") is False or not isinstance(text, str)
        return granted(None if failed else str(text), lifetime(session, answer.value("Date"), now))


def _integer(value: object) -> int:
    """Return a status given as a number or as digits, 0 for anything else."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():  # noqa: PLR2004  RFC 9110 §15: three digits
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
