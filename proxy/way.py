"""A route as requests take it: its rules, its origin's connections, and where its token comes from."""

from proxy.core.credential import Reject
from proxy.core.fields import AUTHORIZATION, Lines
from proxy.core.injection import Place, signed
from proxy.core.limits import Limits
from proxy.core.needles import needles
from proxy.core.referral import Referral
from proxy.core.routing import Rules, outgoing
from proxy.core.scrub import Scrub
from proxy.core.secret import Secret
from proxy.core.token import Token
from proxy.errors import CredentialNotTaken, SignedRequest
from proxy.tokens.source import TokenSource
from proxy.wire.body import CHUNKED, NO_BODY
from proxy.wire.client import ClientConnection
from proxy.wire.pool import Pool
from proxy.wire.request import Request


class Way:
    """Everything that forwarding along one route needs, made once; `source` is None for "none".

    `pseudonym` is what this gateway calls itself in Via.
    """

    def __init__(
        self,
        rules: Rules,
        pool: Pool,
        limits: Limits,
        pseudonym: bytes,
        source: TokenSource | None = None,
        reject: tuple[Reject, ...] = (),
    ) -> None:
        self.rules = rules
        self.pool = pool
        self.source = source
        self.reject = reject
        self.route = route = rules.route
        self.label = route.label
        self.limits = limits
        self.reject_statuses = frozenset(rule.status for rule in reject)
        self.keep_limit = max(limits.replay_buffer, limits.replay_spool)
        self._host_line = b"Host: %b\r\n" % route.upstream.authority
        self._token: Token | None = None
        self._line = b""
        self._hidden: tuple[Secret, ...] = ()
        self._scrub = Scrub(())
        self._pseudonym = pseudonym
        self._via = b"Via: 1.1 %b\r\n" % pseudonym if route.via else b""
        self._usual = route.injection.usual
        self._moves_target = route.strip_prefix or bool(route.upstream.base_path)
        self._referral = Referral(
            route.upstream.literal,
            route.upstream.port,
            route.upstream.base_path,
            route.path if route.strip_prefix and route.path != b"/" else b"",
            route.injection.name if source is not None and route.injection.place is Place.QUERY else None,
        )

    # --- judge
    def keeps_own(self, request: Request) -> bool:
        """Return whether a request is forwarded with the caller's own credential.

        Raises CredentialNotTaken where the route takes none, SignedRequest for one that cannot be replaced.
        """
        if self._usual and AUTHORIZATION not in request.control:
            return False
        route = self.route
        if not route.injection.carried(request.target, request.lines, request.control):
            return False
        if route.client_authorization == "reject":
            raise CredentialNotTaken
        if route.client_authorization == "replace" and self._usual and signed(request.control):
            raise SignedRequest
        return route.client_authorization == "keep"

    def replays(self, request: Request) -> bool:
        """Return whether a request of this size can be sent again, as far as can be told beforehand."""
        body = request.body
        return body.framing is NO_BODY or (body.framing is not CHUNKED and body.length <= self.keep_limit)

    def asks_first(self, request: Request) -> bool:
        """Return whether a body is too large to be sent again, so that the origin is asked before it is spent."""
        body = request.body
        if self.source is None or not self.route.replay or body.framing is NO_BODY:
            return False
        return body.length > self.keep_limit or not self.keep_limit

    # --- the way there
    def head(
        self, client: ClientConnection, request: Request, token: Token | None, request_id: bytes, *, expect: bool
    ) -> bytes:
        """Return the head that goes to the origin.

        The hop-by-hop fields and those of the client that ours replace were taken out when the head was read; the
        credential comes in here, behind that (RFC 9110 §7.6.1: else `Connection: authorization` would remove it).
        """
        route, control, target, lines = self.route, request.control, request.target, request.lines
        own, told = b"", request.told
        if token is None or not self._usual:
            if AUTHORIZATION in control:
                own = b"Authorization: %b\r\n" % control[AUTHORIZATION]
            if token is not None:
                target, lines = route.injection.cleared(target, lines)
                target, lines = route.injection.injected(target, lines, token.value)
        if self._moves_target:
            target = outgoing(target, route)
        return b"%b %b HTTP/1.1\r\n%b%b%b%bX-Forwarded-Host: %b\r\nX-Request-Id: %b\r\n%b%b%b%b\r\n" % (
            request.method,
            target,
            b"Host: %b\r\n" % request.host if route.preserve_host and request.host else self._host_line,
            b"".join(lines),
            self._credential_line(token) if token is not None and self._usual else own,
            client.forwarded if told is None else told.lines,
            request.host if told is None else told.host,
            request_id,
            self._via if b"via" not in control and not request.http10 else self._via_line(request),
            request.rare,
            b"Expect: 100-continue\r\n" if expect else b"",
            request.framing,
        )

    def _credential_line(self, token: Token) -> bytes:
        """Return the field line of a token, made once for each."""
        if token is not self._token:
            self._token, self._line = token, self.route.injection.line(token.value)
        return self._line

    def _via_line(self, request: Request) -> bytes:
        """Return the Via line (RFC 9110 §7.6.3): who passed the request on before us, then the version and name."""
        before = request.control.get(b"via")
        members = [] if before is None else [before]
        if self.route.via:
            members.append(b"%b %b" % (b"1.0" if request.http10 else b"1.1", self._pseudonym))
        return b"Via: %b\r\n" % b", ".join(members) if members else b""

    # --- the way back
    def returned(self, lines: Lines, request: Request) -> Lines:
        """Return the field lines of an answer, naming the gateway where they named the origin."""
        told = request.told
        if told is not None:
            return self._referral.lines(lines, told.hosts[0], told.scheme, request.target)
        return self._referral.lines(lines, request.host, request.scheme, request.target)

    def scrub(self, source: TokenSource) -> Scrub:
        """Return what hides the secrets and tokens of this route's credential, made once for each set of them."""
        hidden = source.hidden
        if hidden != self._hidden:
            self._hidden, self._scrub = hidden, Scrub(needles(hidden))
        return self._scrub
