"""One harmless request along a route, for a check, and what its answer tells."""

from proxy.core.credential import Reject
from proxy.core.refusal import dead
from proxy.core.route import Route
from proxy.core.routing import Rules, outgoing
from proxy.errors import PathDenied

HARMLESS = (b"GET", b"HEAD")  # RFC 9110 §9.2.1, of those that every origin knows
ERRING = 500


def harmless(rules: Rules) -> tuple[bytes, bytes] | None:
    """Return method and path of a request that a client may send; None where the route lets no harmless one through.

    The path is the route's own, else the first of `allow` that lies below it.
    """
    route = rules.route
    method = next((each for each in HARMLESS if route.methods is None or each in route.methods), None)
    if method is None:
        return None
    below = route.path.rstrip(b"/") + b"/"
    for path in (route.path, *(path for path in route.allow if path.startswith(below))):
        try:
            rules.judge(method, path)
        except PathDenied:
            continue
        return method, path
    return None


def head(route: Route, method: bytes, path: bytes, token: str | None) -> bytes:
    """Return the head of the request as the origin gets it, with the token in its place if there is one."""
    target, lines = outgoing(path, route), list[bytes]()
    if token is not None:
        target, lines = route.injection.injected(target, lines, token)
    return b"".join(
        (
            b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, target, route.upstream.authority),
            b"User-Agent: iam-proxy\r\nAccept: */*\r\nConnection: close\r\n",
            *lines,
            b"\r\n",
        )
    )


def flaw(status: int, lines: list[bytes], body: bytes, reject: tuple[Reject, ...]) -> str | None:
    """Return what is wrong with an answer to a request with a token, None where nothing is.

    `reject` is empty for a request without one. The path may be none that the origin knows: 404 and its like are well.
    """
    if dead(reject, status, lines, body):
        return "the token was refused although it is new: its keys have no rights here, or `inject` puts it elsewhere"
    if status >= ERRING:
        return "the platform fails; its operator knows why"
    return None
