"""What a check says: a line for each look, with what happened, whose fault it is and what to do."""

import asyncio
import enum
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from proxy.errors import (
    ConnectionFailed,
    ConnectionRefused,
    DnsFailed,
    GatewayError,
    LoginRejected,
    LoginUnavailable,
    TlsCertificateFailed,
    TlsFailed,
)

# A look that takes longer than this is said to be under way. In seconds.
PROGRESS = 2.0

# What to do, where the error itself does not say.
ADVICE: dict[type[GatewayError], str] = {
    ConnectionRefused: "See whether the platform is up, and whether `upstream` is right.",
    DnsFailed: "See that the name in `upstream` is right, and that this machine resolves names.",
    TlsFailed: "See that `upstream` has the right port, and that TLS is spoken there.",
    TlsCertificateFailed: "A private authority belongs in `ca_file`.",
    ConnectionFailed: "See whether a firewall is in the way, and whether the way out is by a proxy (`egress_proxy`).",
    LoginRejected: "Put valid keys into the credential.",
    LoginUnavailable: "See that the login's URL is right and that it is reached from here.",
}


class Mark(enum.StrEnum):
    """What came of a look."""

    OK = "ok"
    FAILED = "failed"
    NOT_TRIED = "not tried"


class Flawed(Exception):
    """What a look has found is not as it should be; the message says what, whose fault it is and what to do."""


@dataclass
class Report:
    """Says a line for each look, and whether one has `failed`; `slow` hears of those that outlast `patience`."""

    say: Callable[[Mark, str], object]
    slow: Callable[[str], object]
    patience: float = PROGRESS
    failed: bool = False

    async def look(self, what: str, looked: Coroutine[Any, Any, str]) -> bool:
        """Say what comes of a look; return whether all is well."""
        timer = asyncio.get_running_loop().call_later(self.patience, self.slow, what)
        try:
            words = await looked
        except (GatewayError, Flawed) as error:
            self.failed = True
            self.say(Mark.FAILED, f"{what}: {explained(error)}")
            return False
        finally:
            timer.cancel()
        self.say(Mark.OK, f"{what}: {words}")
        return True

    def skip(self, what: str, why: str) -> None:
        """Say that something was not looked at."""
        self.say(Mark.NOT_TRIED, f"{what}: {why}")


def explained(error: GatewayError | Flawed) -> str:
    """Return what happened, whose fault it is and what to do."""
    if isinstance(error, Flawed):
        return str(error)
    cause = f" ({error.cause})" if error.cause else ""
    advice = ADVICE.get(type(error))
    return f"{error.title}{cause}. {advice}" if advice else f"{error.detail.rstrip('.')}{cause}."
