"""The whole suite as a canary run: what each test's secrets are, and all that its gateways say.

The doors by which secrets come in (`Secret`, `Token`) and words go out (the log, own answers, the admin listener, our
exceptions) are listened at while a test runs, so that no test has to do anything for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from proxy import errors
from proxy.admin import listener
from proxy.core import redact
from proxy.core.events import Finished
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.exchange import Gateway
from proxy.log.writer import Direct, Gathering
from proxy.wire.client import ClientConnection
from tests.canary.search import Search, octets

# In bytes. A shorter secret of a test is part of many a word.
SHORTEST = 6
# What a test fails with whose gateways told a secret.
FOUND = "a secret has come out"
OURS = (
    errors.GatewayError,
    errors.ConfigError,
    errors.StartError,
    errors.StoreError,
    errors.CertificateUnusable,
)


@dataclass
class Watch:
    """The secrets that were given while it watched, and what was said."""

    given: set[str] = field(default_factory=set)
    said: set[bytes] = field(default_factory=set)

    def hear(self, *words: object) -> None:
        """Take note of words."""
        for each in words:
            self.said.add(each if isinstance(each, bytes) else octets(str(each)))

    @property
    def counts(self) -> dict[str, int]:
        """How much there is to search, for the line at the end of a run."""
        return {
            "tests": 1,
            "secrets": len(self.given),
            "texts": len(self.said),
            "bytes": sum(map(len, self.said)),
        }

    def hits(self) -> dict[str, bytes]:
        """Return the secrets that have come out, each with a text that tells it."""
        search = Search(filter(searchable, self.given))
        if not search.hits(b"\n".join(self.said)):  # most texts tell nothing, so they are looked at together first
            return {}
        return {hit: text for text in self.said for hit in search.hits(text)}

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """Listen at the doors, for as long as the patch holds."""
        self._listen_in(patch)
        self._listen_to_answers(patch)
        self._listen_to_facts(patch)
        for kind in OURS:
            patch.setattr(kind, "__init__", before(kind.__init__, lambda _, *args, **more: self.hear(args, more)))

    def _listen_in(self, patch: pytest.MonkeyPatch) -> None:
        for kind in (Secret, Token):
            patch.setattr(
                kind, "__init__", before(kind.__init__, lambda _, text, *__, **___: self.given.add(hidden_part(text)))
            )

    def _listen_to_answers(self, patch: pytest.MonkeyPatch) -> None:
        own = before(ClientConnection.own_answer, lambda _, head, body: self.hear(head + body))
        patch.setattr(ClientConnection, "own_answer", own)
        guarded = listener.guarded

        @web.middleware
        async def heard(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401  as in the listener
            answer = await guarded(request, handler)
            self.hear(answer.headers)
            if isinstance(answer, web.Response):  # what is streamed, the inspector's own tests read to its end
                self.hear(answer.body)
            return answer

        patch.setattr(listener, "guarded", heard)

    def _listen_to_facts(self, patch: pytest.MonkeyPatch) -> None:
        """Take note of log lines, and of what would stand in those of the exchanges that nobody logs."""
        for writer in (Direct, Gathering):
            patch.setattr(writer, "write", before(writer.write, lambda _, line: self.hear(line)))

        def fact(told: Finished) -> None:
            words = (told.cause, told.client, told.peer, told.route, told.method)
            self.hear(redact.target(told.target), *words)

        make = Gateway.__init__

        def made(gateway: Gateway, wire: Any, ways: Any, judge: Any, observe: Any) -> None:  # noqa: ANN401  as they are
            make(gateway, wire, ways, judge, before(observe, fact))

        patch.setattr(Gateway, "__init__", made)


def searchable(secret: str) -> bool:
    """Return whether a secret is long enough to be looked for, and one at all: half a character cannot be sent."""
    try:
        return len(secret.encode("utf-8", "surrogateescape")) >= SHORTEST
    except UnicodeEncodeError:
        return False


def hidden_part(text: str) -> str:
    """Return what of a secret must not be shown: of the URL of a store that is its password."""
    scheme, mark, rest = text.partition("://")
    return rest.rpartition("@")[0].rpartition(":")[2] if mark and scheme in {"redis", "rediss"} else text


def before(call: Callable[..., Any], look: Callable[..., object]) -> Callable[..., Any]:
    """Return a call that is looked at before it is made."""

    def looked_at(*args: Any, **more: Any) -> Any:  # noqa: ANN401  whatever the call takes
        look(*args, **more)
        return call(*args, **more)

    return looked_at
