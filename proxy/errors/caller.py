"""Why a request is not forwarded."""

from http import HTTPStatus
from typing import ClassVar

from proxy.errors.gateway import Fault, GatewayError


class RequestRefused(GatewayError):
    """The request is not forwarded."""

    proxy_error = "http_request_denied"
    fault = Fault.CALLER


class BadRequest(RequestRefused):
    """Malformed or ambiguous HTTP; the connection is closed."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"
    proxy_error = "http_request_error"
    title = "The request is not valid HTTP"
    detail = "The request is malformed or ambiguous and was not forwarded."
    action = "Correct the program that sent it, or tell whoever maintains that program."


class CredentialNotTaken(BadRequest):
    """The request carries a credential of its own on a route with `client_authorization = "reject"`."""

    title = "The request carries a credential of its own"
    detail = "This route puts on the gateway's own credential and takes none from callers."
    action = "Send the request without a password, key or token; the gateway adds what the platform needs."


class RequestTimeout(BadRequest):
    """The header section, or the rest of a body, did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    title = "The request did not arrive in time"
    detail = "The request was not complete in time."
    action = "Send it again. If it happens again, the connection to the gateway is too slow, or breaks off."


class HeaderTooLarge(BadRequest):
    """A header section above `limits.max_header_size`."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "header_too_large"
    title = "The header section is too large"
    detail = "The header section is larger than `limits.max_header_size` allows."
    action = "Often it is cookies: clear those of this address. Whoever runs the gateway can raise the limit."


class BodyTooLarge(BadRequest):
    """A body above `limits.max_body_size`: announced as one, or grown into one."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"
    title = "The body is too large"
    detail = "The request's body is larger than `limits.max_body_size` allows."
    action = "Send less at a time. Whoever runs the gateway can raise the limit."


class HostNotAllowed(RequestRefused):
    """The request asks for a host that is not served here (RFC 9110 §15.5.20)."""

    status = HTTPStatus.MISDIRECTED_REQUEST
    code = "host_not_allowed"
    title = "This host is not served here"
    detail = "The request names a host that is neither this gateway nor one of a configured route."
    action = (
        "Call the gateway by its own address, such as `localhost` with its port. Whoever runs the gateway can add "
        "this name to `access.allowed_hosts`."
    )


class HostUnserved(HostNotAllowed):
    """Likewise, of a request for an absolute target: its sender takes the gateway for a proxy to anywhere."""

    detail = "The request takes this gateway for a proxy, but asks for a host that none of its routes leads to."
    action = (
        "Let the program ask that host directly (`no_proxy`), or ask whoever runs the gateway to add a route to it."
    )


class LoopDetected(RequestRefused):
    """The request has passed through this gateway before (RFC 9110 §7.6.3)."""

    status = HTTPStatus.LOOP_DETECTED
    code = "loop_detected"
    proxy_error = "proxy_loop_detected"
    fault = Fault.GATEWAY
    title = "The request goes round in circles"
    detail = "The request has passed through this gateway before: an `upstream` leads back to it."
    action = "Ask whoever runs the gateway to correct `upstream`."


class ClientNotAllowed(RequestRefused):
    """The peer's address is in none of the networks of `access.allow`."""

    status = HTTPStatus.FORBIDDEN
    code = "client_not_allowed"
    title = "You may not use this gateway"
    detail = "The gateway does not answer requests from your address."
    action = "Ask whoever runs the gateway to add your network to `access.allow`."


class ClientKeyRequired(RequestRefused):
    """The request carries no valid key (RFC 9110 §15.5.2); `challenge` is the field that asks for one."""

    status = HTTPStatus.UNAUTHORIZED
    code = "client_key_required"
    challenge: ClassVar[str] = "WWW-Authenticate"
    title = "A key is needed"
    detail = "The gateway answers callers that have a key, and the request carries none that is valid."
    action = (
        "Give your key as the password when asked for one, with any user name, or send it as the field `X-Proxy-Key`. "
        "Whoever runs the gateway hands out keys."
    )


class ProxyKeyRequired(ClientKeyRequired):
    """Likewise, of a request for an absolute target (RFC 9110 §15.5.8)."""

    status = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    challenge = "Proxy-Authenticate"
    action = (
        "Give your key as the password for the proxy, with any user name, or send it as the field `X-Proxy-Key`. "
        "Whoever runs the gateway hands out keys."
    )


class CrossSite(RequestRefused):
    """A page of another site asks, by its visitor's browser."""

    status = HTTPStatus.FORBIDDEN
    code = "cross_site"
    title = "Pages of other sites may not use this gateway"
    detail = "The request comes from a page of another site."
    action = (
        "If you followed a link, type the address into the browser instead. If the page is meant to use the gateway, "
        "ask whoever runs the gateway to list the page's origin in `access.cors_origins`."
    )


class MethodNotAllowed(RequestRefused):
    """The route does not take this method; `allow` lists what it takes."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    title = "Method not allowed"
    detail = "The gateway does not take this method here."
    action = "Use one of these methods: {allow}."

    def __init__(self, allow: str = "", detail: str | None = None) -> None:
        super().__init__(detail, action=self.action.format(allow=allow))
        self.allow = allow


class NoTunnel(MethodNotAllowed):
    """CONNECT, of a client that takes the gateway for its proxy to https (RFC 9110 §9.3.6)."""

    phrase = "No Tunnels Here, Write http:// In The URL"  # all that most clients show of the answer to a CONNECT
    detail = "The gateway opens no tunnels: it could put no credential into one."
    action = (
        "Write http:// in place of https:// in the URL; the gateway takes the request in plain HTTP, and speaks TLS "
        "with the platform."
    )


class PathDenied(RequestRefused):
    """The path is denied, or would select another route in its normalised form."""

    status = HTTPStatus.FORBIDDEN
    code = "path_denied"
    title = "This path is not forwarded"
    detail = "The gateway does not forward this path: its configuration denies it, or its spelling is ambiguous."
    action = (
        "Check the address, and write its path plainly. The platform's login need not be called: the gateway logs in "
        "by itself. Whoever runs the gateway can change `deny` and `allow`."
    )


class SignedRequest(RequestRefused):
    """The request is signed by its sender (AWS4-HMAC-SHA256): another credential would void the signature."""

    status = HTTPStatus.FORBIDDEN
    code = "signed_request"
    title = "A signed request cannot be given another credential"
    detail = "The request carries an AWS signature, which the gateway would have to replace."
    action = (
        "Send it unsigned, or ask whoever runs the gateway to let the route keep the signature: "
        '`client_authorization = "keep"`.'
    )


class NoRoute(RequestRefused):
    """No route matches."""

    status = HTTPStatus.NOT_FOUND
    code = "no_route"
    proxy_error = "destination_not_found"
    title = "No route matches"
    detail = "No route of the gateway's configuration matches this path and host."
    action = "Check the address for typing mistakes. Whoever runs the gateway can add a route."


class Overloaded(RequestRefused):
    """More requests in flight than `limits.max_in_flight`, or more of one peer than its half while others wait."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "overloaded"
    proxy_error = "connection_limit_reached"
    fault = Fault.GATEWAY
    title = "The gateway is busy"
    detail = "Too many requests are under way."
    action = "If it lasts, send fewer requests at once, or ask whoever runs the gateway to raise its limits."
