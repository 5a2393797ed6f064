"""Everything that can go wrong, as one tree.

GatewayError                      an answer that the gateway makes itself
├── LoginError                    no live token, and the login does not give one
│   ├── LoginRejected             the platform refused the keys
│   └── LoginUnavailable          unreachable, erring, malformed or backing off
├── OriginError                   the origin, or the way to it
│   ├── ConnectionRefused
│   ├── ConnectionFailed          no connection within the time, or no way there
│   │   ├── Unroutable
│   │   └── EgressFailed          the proxy on the way out is not reached, or opens none
│   ├── TlsFailed
│   ├── DnsFailed
│   ├── ConnectionTerminated      closed before a full header section
│   ├── BadUpstream               malformed or ambiguous answer
│   │   └── CodedAnswer           one that a route with `scrub` cannot look through
│   └── UpstreamTimeout
└── RequestRefused                the request is not forwarded
    ├── BadRequest
    ├── HeaderTooLarge
    ├── BodyTooLarge
    ├── RequestTimeout
    ├── HostNotAllowed
    │   └── HostUnserved          to a request that takes the gateway for its proxy
    ├── ClientNotAllowed
    ├── ClientKeyRequired
    │   └── ProxyKeyRequired      to a request that takes the gateway for its proxy
    ├── CrossSite
    ├── LoopDetected
    ├── MethodNotAllowed
    │   └── NoTunnel              to CONNECT
    ├── PathDenied
    ├── SignedRequest
    ├── NoRoute
    └── Overloaded
ConfigError                       the configuration, with every mistake in it
StartError                        the gateway could not start
SecretUnavailable                 a secret's file, variable or command gave none
StoreError                        the shared token store is of no use now
└── StoreDamaged                  what it holds is not ours
CertificateUnusable               a file of the gateway's own certificate is missing or not what it is to be

Each GatewayError carries what its answer needs: the status, the code of our own vocabulary and the error
type of RFC 9209 §2.3. `detail` is written for the caller and never holds the cause; `cause` is for the log.
"""

from http import HTTPStatus
from typing import ClassVar


class GatewayError(Exception):
    """An answer that the gateway makes itself."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_GATEWAY
    code: ClassVar[str] = "internal_error"
    proxy_error: ClassVar[str] = "proxy_internal_error"
    title: ClassVar[str] = "The gateway failed"
    phrase: ClassVar[str] = ""  # in the status line, in place of the status's own
    detail: str = "The gateway met a fault of its own; its log says which."

    def __init__(self, detail: str | None = None, *, cause: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail or self.detail)
        if detail is not None:
            self.detail = detail
        self.cause = cause
        self.retry_after = retry_after


class InternalError(GatewayError):
    """A defect of the gateway itself; the log has the cause."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class LoginError(GatewayError):
    """There is no live token, and the login does not give one."""


class LoginRejected(LoginError):
    """The platform refused the keys (401, 403, or 400 of kind `apikey`)."""

    code = "login_rejected"
    proxy_error = "proxy_configuration_error"
    title = "The platform refused the gateway's keys"
    detail = "The keys configured in the gateway were refused at the login. Its operator must put valid ones there."


class LoginUnavailable(LoginError):
    """The login is unreachable, erring, malformed or backing off; `retry_after`: seconds to the next attempt."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "login_unavailable"
    proxy_error = "destination_unavailable"
    title = "The platform's login is not available"
    detail = "The gateway has no live token and the platform's login does not give one now. Try again later."


class OriginError(GatewayError):
    """The origin, or the way to it, failed."""


class ConnectionRefused(OriginError):
    """Nobody listens at the origin's address."""

    code = proxy_error = "connection_refused"
    title = "The platform refused the connection"
    detail = "Nothing accepts connections at the platform's address. The platform may be down, or `upstream` wrong."


class ConnectionFailed(OriginError):
    """No connection within `timeouts.connect`, or no way to the address; `proxy_error` tells which."""

    code = "connection_failed"
    proxy_error = "connection_timeout"
    title = "The platform could not be reached"
    detail = "No connection to the platform could be made in time."


class Unroutable(ConnectionFailed):
    """The network knows no way to the origin's address."""

    proxy_error = "destination_ip_unroutable"
    detail = "The network has no way to the platform's address."


class EgressFailed(ConnectionFailed):
    """The egress proxy is not reached, or does not open a way to the origin."""

    proxy_error = "destination_ip_unroutable"
    detail = "The egress proxy on the way to the platform could not be reached."


class TlsFailed(OriginError):
    """The TLS handshake failed."""

    code = "tls_error"
    proxy_error = "tls_protocol_error"
    title = "No secure connection to the platform"
    detail = "The TLS handshake with the platform failed."


class TlsCertificateFailed(TlsFailed):
    """The origin's certificate does not verify."""

    proxy_error = "tls_certificate_error"
    detail = "The platform's certificate could not be verified. A private authority belongs into `ca_file`."


class DnsFailed(OriginError):
    """The origin's name has no address."""

    code = proxy_error = "dns_error"
    title = "The platform's name was not found"
    detail = "The name of the platform's host could not be resolved."


class ConnectionTerminated(OriginError):
    """The origin closed before a full header section."""

    code = proxy_error = "connection_terminated"
    title = "The platform closed the connection"
    detail = "The platform closed the connection before it had answered."


class BadUpstream(OriginError):
    """The origin's answer is malformed or ambiguous."""

    code = "bad_upstream"
    proxy_error = "http_protocol_error"
    title = "The platform's answer is not valid HTTP"
    detail = "The platform's answer is malformed or ambiguous and was not passed on."


class CodedAnswer(BadUpstream):
    """A content coding on a route that scrubs: what cannot be looked through is not passed on."""

    title = "The platform's answer cannot be looked through"
    detail = "The platform coded its answer although it was asked not to, and this route has something to hide in it."


class UpstreamTimeout(OriginError):
    """No first byte of an answer within `timeouts.response`."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream_timeout"
    proxy_error = "http_response_timeout"
    title = "The platform did not answer in time"
    detail = "The platform did not begin its answer in time."


class RequestRefused(GatewayError):
    """The request is not forwarded."""

    proxy_error = "http_request_denied"


class BadRequest(RequestRefused):
    """Malformed or ambiguous HTTP; the connection is closed."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"
    proxy_error = "http_request_error"
    title = "The request is not valid HTTP"
    detail = "The request is malformed or ambiguous and was not forwarded."


class RequestTimeout(BadRequest):
    """The header section, or the rest of a body, did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    title = "The request did not arrive in time"
    detail = "The request was not complete in time."


class HeaderTooLarge(BadRequest):
    """A header section above `limits.max_header_size`."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "header_too_large"
    title = "The header section is too large"
    detail = "The header section is larger than `limits.max_header_size` allows."


class BodyTooLarge(BadRequest):
    """A body above `limits.max_body_size`: announced as one, or grown into one."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"
    title = "The body is too large"
    detail = "The request's body is larger than `limits.max_body_size` allows."


class HostNotAllowed(RequestRefused):
    """The request asks for a host that is not served here (RFC 9110 §15.5.20)."""

    status = HTTPStatus.MISDIRECTED_REQUEST
    code = "host_not_allowed"
    title = "This host is not served here"
    detail = (
        "The request names a host that is neither this gateway nor one of a configured route. Its operator can add "
        "the name to `access.allowed_hosts`."
    )


class HostUnserved(HostNotAllowed):
    """Likewise, of a request for an absolute target: its sender takes the gateway for a proxy to anywhere."""

    detail = (
        "The request takes this gateway for a proxy, but asks for a host that none of its routes leads to. Let the "
        "program ask that host directly (`no_proxy`), or the gateway's operator add a route to it."
    )


class LoopDetected(RequestRefused):
    """The request has passed through this gateway before (RFC 9110 §7.6.3)."""

    status = HTTPStatus.LOOP_DETECTED
    code = "loop_detected"
    proxy_error = "proxy_loop_detected"
    title = "The request goes round in circles"
    detail = "The request has passed through this gateway before: an `upstream` leads back to it."


class ClientNotAllowed(RequestRefused):
    """The peer's address is in none of the networks of `access.allow`."""

    status = HTTPStatus.FORBIDDEN
    code = "client_not_allowed"
    title = "You may not use this gateway"
    detail = "The gateway does not answer your address. Its operator can let it in by `access.allow`."


class ClientKeyRequired(RequestRefused):
    """The request carries no valid key (RFC 9110 §15.5.2); `challenge` is the field that asks for one."""

    status = HTTPStatus.UNAUTHORIZED
    code = "client_key_required"
    challenge: ClassVar[str] = "WWW-Authenticate"
    title = "A key is needed"
    detail = "The gateway answers callers with a key: send it as X-Proxy-Key, or as the password of Basic."


class ProxyKeyRequired(ClientKeyRequired):
    """Likewise, of a request for an absolute target (RFC 9110 §15.5.8)."""

    status = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    challenge = "Proxy-Authenticate"
    detail = "The gateway answers callers with a key: send it as X-Proxy-Key, or as the proxy's password."


class CrossSite(RequestRefused):
    """A page of another site asks, by its visitor's browser."""

    status = HTTPStatus.FORBIDDEN
    code = "cross_site"
    title = "Pages of other sites may not use this gateway"
    detail = (
        "The request comes from a page of another site. Its operator can let the page's origin in by "
        "`access.cors_origins`."
    )


class MethodNotAllowed(RequestRefused):
    """The route does not take this method; `allow` lists what it takes."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    title = "Method not allowed"
    detail = "This method is not allowed here."

    def __init__(self, allow: str = "", detail: str | None = None) -> None:
        super().__init__(detail)
        self.allow = allow


class NoTunnel(MethodNotAllowed):
    """CONNECT, of a client that takes the gateway for its proxy to https (RFC 9110 §9.3.6)."""

    phrase = "No Tunnels Here, Write http:// In The URL"  # all that most clients show of the answer to a CONNECT
    detail = (
        "The gateway opens no tunnels: it could put no credential into one. Write http:// in place of https:// in the "
        "URL; the gateway takes the request in plain HTTP, and speaks TLS with the platform."
    )


class PathDenied(RequestRefused):
    """The path is denied, or would select another route in its normalised form."""

    status = HTTPStatus.FORBIDDEN
    code = "path_denied"
    title = "This path is not forwarded"
    detail = "The gateway does not forward this path: its configuration denies it, or its spelling is ambiguous."


class SignedRequest(RequestRefused):
    """The request is signed by its sender (AWS4-HMAC-SHA256): another credential would void the signature."""

    status = HTTPStatus.FORBIDDEN
    code = "signed_request"
    title = "A signed request cannot be given another credential"
    detail = (
        "The request carries an AWS signature, which the gateway would have to replace. Send it unsigned, or let the "
        'route keep it: client_authorization = "keep".'
    )


class NoRoute(RequestRefused):
    """No route matches."""

    status = HTTPStatus.NOT_FOUND
    code = "no_route"
    proxy_error = "destination_not_found"
    title = "No route matches"
    detail = "No route of the gateway's configuration matches this path and host."


class Overloaded(RequestRefused):
    """More requests in flight than `limits.max_in_flight`, or more of one peer than its half while others wait."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "overloaded"
    proxy_error = "connection_limit_reached"
    title = "The gateway is busy"
    detail = "Too many requests are in flight. Try again shortly."


class ConfigError(Exception):
    """The configuration, with every mistake in it: lines ready to print."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class StartError(Exception):
    """The gateway could not start; the message says why and what to do. `code` is what the program ends with."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.code = code


class SecretUnavailable(Exception):
    """A secret's file, variable or command gave none; the message names the place, never a value."""


class StoreError(Exception):
    """The shared token store is of no use now; the message says why, without a password and without what it holds."""


class StoreDamaged(StoreError):
    """What the store holds is not ours or cannot be read: as good as nothing, and to be written over."""


class CertificateUnusable(Exception):
    """A file of `server.tls` cannot be used; `key` says which, the message why."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(words)
        self.key = key
