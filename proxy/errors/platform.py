"""What goes wrong with the platform: its login, the origin itself, and the way to either."""

from http import HTTPStatus

from proxy.errors.gateway import Fault, GatewayError


class LoginError(GatewayError):
    """There is no live token, and the login does not give one."""


class LoginRejected(LoginError):
    """The platform refused the keys (401, 403, or 400 of kind `apikey`)."""

    code = "login_rejected"
    proxy_error = "proxy_configuration_error"
    title = "The platform refused the gateway's keys"
    detail = "The keys in the gateway's configuration were refused at the platform's login."
    action = "Ask whoever runs the gateway to put valid keys there. New keys are tried within seconds."


class LoginUnavailable(LoginError):
    """The login is unreachable, erring, malformed or backing off; `retry_after`: seconds to the next attempt."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "login_unavailable"
    proxy_error = "destination_unavailable"
    fault = Fault.PLATFORM
    title = "The platform's login is not available"
    detail = "The gateway has no valid token, and the platform's login does not give it one at the moment."
    action = "The gateway keeps trying by itself. If it lasts, ask whoever runs the gateway: its log has the cause."


class OriginError(GatewayError):
    """The origin, or the way to it, failed."""

    fault = Fault.PLATFORM


class ConnectionRefused(OriginError):
    """Nobody listens at the origin's address."""

    code = proxy_error = "connection_refused"
    title = "The platform refused the connection"
    detail = "Nothing accepts connections at the platform's address."
    action = "The platform may be down: try again later. If it is up, ask whoever runs the gateway to check `upstream`."


class ConnectionFailed(OriginError):
    """No connection within `timeouts.connect`, or no way to the address; `proxy_error` tells which."""

    code = "connection_failed"
    proxy_error = "connection_timeout"
    title = "The platform could not be reached"
    detail = "No connection to the platform could be made in time."
    action = "Try again later. If it lasts, ask whoever runs the gateway whether a firewall is in the way."


class Unroutable(ConnectionFailed):
    """The network knows no way to the origin's address."""

    proxy_error = "destination_ip_unroutable"
    detail = "The network has no way to the platform's address."


class EgressFailed(ConnectionFailed):
    """The egress proxy is not reached, or does not open a way to the origin."""

    proxy_error = "destination_ip_unroutable"
    fault = Fault.GATEWAY
    detail = "The egress proxy on the way to the platform could not be reached."
    action = "Ask whoever runs the gateway to check `egress_proxy`, and whoever runs that proxy what its log says."


class TlsFailed(OriginError):
    """The TLS handshake failed."""

    code = "tls_error"
    proxy_error = "tls_protocol_error"
    title = "No secure connection to the platform"
    detail = "The TLS handshake with the platform failed."
    action = "Try again later. If it lasts, ask whoever runs the gateway to check host and port in `upstream`."


class TlsCertificateFailed(TlsFailed):
    """The origin's certificate does not verify."""

    proxy_error = "tls_certificate_error"
    detail = "The platform's certificate could not be verified."
    action = (
        "Tell whoever runs the gateway. An expired certificate is for the platform to renew; a private authority "
        "belongs in `ca_file`."
    )


class DnsFailed(OriginError):
    """The origin's name has no address."""

    code = proxy_error = "dns_error"
    fault = Fault.GATEWAY
    title = "The platform's name was not found"
    detail = "The name of the platform's host has no address, or could not be looked up."
    action = "Ask whoever runs the gateway to check the name in `upstream`, and name resolution on its machine."


class ConnectionTerminated(OriginError):
    """The origin closed before a full header section."""

    code = proxy_error = "connection_terminated"
    title = "The platform closed the connection"
    detail = "The platform closed the connection before it had answered."
    action = (
        "Try again if the request only reads. If it changes something, check first whether the change was made all "
        "the same."
    )


class BadUpstream(OriginError):
    """The origin's answer is malformed or ambiguous."""

    code = "bad_upstream"
    proxy_error = "http_protocol_error"
    title = "The platform's answer is not valid HTTP"
    detail = "The platform's answer is malformed or ambiguous and was not passed on."
    action = "Tell whoever runs the platform, or what stands in front of it; the gateway's log has the cause."


class CodedAnswer(BadUpstream):
    """A content coding on a route that scrubs: what cannot be looked through is not passed on."""

    title = "The platform's answer cannot be looked through"
    detail = (
        "This route hides secrets in answers. The platform compressed its answer although it was asked not to, so "
        "the answer was not passed on."
    )
    action = "Ask whoever runs the platform to leave answers uncompressed, or whoever runs the gateway about `scrub`."


class UpstreamTimeout(OriginError):
    """No first byte of an answer within `timeouts.response`."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream_timeout"
    proxy_error = "http_response_timeout"
    title = "The platform did not answer in time"
    detail = "The platform did not begin its answer in time."
    action = (
        "It may still be working on the request. Try again later, or ask for less; whoever runs the gateway can "
        "allow more time (`timeouts.response`)."
    )
