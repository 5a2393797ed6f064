"""A route as requests take it: its rules, its origin's connections, and where its token comes from."""

from proxy.core.credential import Reject
from proxy.core.fields import Control
from proxy.core.limits import Limits
from proxy.core.problem import NAME
from proxy.core.routing import Rules, outgoing
from proxy.core.token import Token
from proxy.tokens.source import TokenSource
from proxy.wire.body import CHUNKED, NO_BODY
from proxy.wire.client import ClientConnection
from proxy.wire.message import Request
from proxy.wire.pool import Pool

VIA = b"Via: 1.1 %b\r\n" % NAME.encode()


class Way:
    """Everything that forwarding along one route needs, made once; `source` is None for "none"."""

    def __init__(
        self,
        rules: Rules,
        pool: Pool,
        limits: Limits,
        source: TokenSource | None = None,
        reject: tuple[Reject, ...] = (),
    ) -> None:
        self.rules = rules
        self.pool = pool
        self.source = source
        self.reject = reject
        self.route = rules.route
        self.label = rules.route.label
        self.reject_statuses = frozenset(rule.status for rule in reject)
        self.keep_limit = limits.replay_buffer
        self._host_line = b"Host: %b\r\n" % self.route.upstream.authority
        self._token: Token | None = None
        self._line = b""
        self._via = VIA if self.route.via else b""
        self._moves_target = self.route.strip_prefix or bool(self.route.upstream.base_path)

    def replays(self, request: Request) -> bool:
        """Return whether a request of this size can be sent again, as far as can be told beforehand."""
        body = request.body
        return body.framing is NO_BODY or (body.framing is not CHUNKED and body.length <= self.keep_limit)

    def head(self, client: ClientConnection, request: Request, token: Token | None, request_id: bytes) -> bytes:
        """Return the head that goes to the origin.

        The hop-by-hop fields and those of the client that ours replace were taken out when the head was read; the
        credential comes in here, behind that (RFC 9110 §7.6.1: else `Connection: authorization` would remove it).
        """
        route, control = self.route, request.control
        target = outgoing(request.target, route) if self._moves_target else request.target
        return b"".join(
            (
                b"%b %b HTTP/1.1\r\n" % (request.method, target),
                b"Host: %b\r\n" % request.host if route.preserve_host and request.host else self._host_line,
                b"".join(request.lines),
                own_credential(control) if token is None else self._credential_line(token),
                client.forwarded,
                b"X-Forwarded-Host: %b\r\nX-Request-Id: %b\r\n" % (request.host, request_id),
                self._via,
                expectation(request) if b"expect" in control else b"",
                request.framing,
                b"\r\n",
            )
        )

    def _credential_line(self, token: Token) -> bytes:
        """Return the field line of a token, made once for each."""
        if token is not self._token:
            self._token, self._line = token, b"Authorization: %b\r\n" % token.field
        return self._line


def own_credential(control: Control) -> bytes:
    """Return the client's own Authorization line, for a route that injects nothing."""
    value = control.get(b"authorization")
    return b"" if value is None else b"Authorization: %b\r\n" % value


def expectation(request: Request) -> bytes:
    """Return the Expect line to pass on (RFC 9110 §10.1.1: not from a 1.0 client, and only where a body follows)."""
    value = request.control.get(b"expect")
    if value is None or request.http10 or request.body.framing is NO_BODY:
        return b""
    return b"Expect: %b\r\n" % value
