"""Pages of other sites, and what their browsers are told."""

import pytest

from proxy.core.cors import Cors, cross_site, offered, origin_of
from proxy.core.fields import Control, Lines

OWN = {b"http://localhost:8080"}
LISTED = frozenset((b"https://app.example", b"http://localhost:3000"))
CORS = Cors(LISTED)
ALLOWED = [
    b"Access-Control-Allow-Origin: https://app.example\r\n",
    b"Access-Control-Allow-Credentials: true\r\n",
]


@pytest.mark.parametrize(
    "control",
    [
        {},
        {b"sec-fetch-site": b"none"},
        {b"sec-fetch-site": b"same-origin"},
        {b"origin": b"http://localhost:8080"},
        {b"origin": b"http://localhost:8080", b"sec-fetch-site": b"same-origin"},
        {b"origin": b"https://app.example"},
        {b"origin": b"https://app.example", b"sec-fetch-site": b"cross-site"},
        {b"origin": b"http://localhost:3000", b"sec-fetch-site": b"same-site"},
    ],
)
def test_requests_that_no_foreign_page_has_sent(control: Control) -> None:
    """Programs say nothing, browsers say that it is the gateway's own page, or one that is listed."""
    assert not cross_site(control, OWN, LISTED)


@pytest.mark.parametrize(
    "control",
    [
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"same-site"},
        {b"sec-fetch-site": b""},
        {b"sec-fetch-site": b"none, cross-site"},
        {b"sec-fetch-site": b"something-new"},
        {b"origin": b"http://localhost:8080", b"sec-fetch-site": b"cross-site"},
        {b"origin": b""},
        {b"origin": b"null"},
        {b"origin": b"https://evil.example"},
        {b"origin": b"https://evil.example", b"sec-fetch-site": b"same-origin"},
    ],
)
def test_requests_of_foreign_pages(control: Control) -> None:
    """Either field is enough."""
    assert cross_site(control, OWN, LISTED)


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        (b"http", b"LocalHost:8080", b"http://localhost:8080"),
        (b"http", b"gw.example", b"http://gw.example"),
        (b"http", b"gw.example:80", b"http://gw.example"),
        (b"https", b"gw.example:443", b"https://gw.example"),
        (b"https", b"gw.example:80", b"https://gw.example:80"),
        (b"http", b"[::1]:80", b"http://[::1]"),
        (b"http", b"localhost:", b"http://localhost"),
        (b"tauri", b"localhost", b"tauri://localhost"),
    ],
)
def test_the_origin_of_a_host(scheme: bytes, host: bytes, origin: bytes) -> None:
    """As browsers write it: lower case, the port only where it is not the scheme's own."""
    assert origin_of(scheme, host) == origin


@pytest.mark.parametrize(
    ("lines", "vary"),
    [
        ([], [b"Vary: Origin\r\n"]),
        ([b"Vary: Accept\r\n"], [b"Vary: Accept, Origin\r\n"]),
        ([b"VARY:\r\n"], [b"Vary: Origin\r\n"]),
        ([b"vary: a\r\n", b"vary: b\r\n"], [b"vary: a\r\n", b"Vary: b, Origin\r\n"]),
        ([b"Vary: Accept, ORIGIN\r\n"], [b"Vary: Accept, ORIGIN\r\n"]),
        ([b"Vary: origin\r\n", b"Vary: x\r\n"], [b"Vary: origin\r\n", b"Vary: x\r\n"]),
        ([b"Vary: *\r\n"], [b"Vary: *\r\n"]),
    ],
)
def test_vary(lines: Lines, vary: Lines) -> None:
    """Origin is added where it is missing, also for those that sent none: a cache must not mix them up."""
    for origin in (None, b"https://evil.example"):
        assert CORS.answered(lines, origin) == vary


def test_the_origins_own_fields_go() -> None:
    """Whatever they are, and whoever asks: the gateway speaks alone."""
    lines = [
        b"Access-Control-Allow-Origin: *\r\n",
        b"access-control-allow-origin: https://evil.example\r\n",
        b"ACCESS-CONTROL-EXPOSE-HEADERS: X\r\n",
        b"Access-Control-Max-Age: 1\r\n",
        b"ETag: 1\r\n",
        b"Set-Cookie: a=b\r\n",
        b"Content-Type: a/b\r\n",
    ]
    kept = [*lines[4:], b"Vary: Origin\r\n"]
    assert CORS.answered(lines, None) == kept
    exposed = b"Access-Control-Expose-Headers: etag, vary\r\n"
    assert CORS.answered(lines, b"https://app.example") == [*kept, *ALLOWED, exposed]


def asked(**more: bytes) -> Control:
    """Return the fields of a preflight."""
    control = {b"origin": b"https://app.example", b"access-control-request-method": b"PUT"}
    return control | {name.replace("_", "-").encode(): value for name, value in more.items()}


def test_a_permission() -> None:
    """What a page may send, with what the gateway has been asked for."""
    control = asked(access_control_request_headers=b"Content-Type,x-proxy-key")
    assert CORS.preflight(control)
    assert CORS.permission(control, b"GET, PUT") == (
        b"HTTP/1.1 204 No Content\r\n"
        b"Access-Control-Allow-Origin: https://app.example\r\n"
        b"Access-Control-Allow-Credentials: true\r\n"
        b"Access-Control-Allow-Methods: GET, PUT\r\n"
        b"Access-Control-Max-Age: 600\r\n"
        b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        b"Access-Control-Allow-Headers: content-type, x-proxy-key\r\n"
    )


@pytest.mark.parametrize("names", [b"x y", b"x, y:", b'"x"', b"x/y", b"\xff"])
def test_names_that_are_none_are_not_echoed(names: bytes) -> None:
    """Nothing is granted then."""
    assert b"Allow-Headers" not in CORS.permission(asked(access_control_request_headers=names), b"GET")


def test_a_private_network() -> None:
    """A public page that is listed may ask a gateway at home, where its browser asks."""
    line = b"Access-Control-Allow-Private-Network: true\r\n"
    assert line in CORS.permission(asked(access_control_request_private_network=b"true"), b"GET")
    assert line not in CORS.permission(asked(), b"GET")


@pytest.mark.parametrize(
    "control",
    [
        {b"origin": b"https://evil.example", b"access-control-request-method": b"PUT"},
        {b"access-control-request-method": b"PUT"},
        {b"origin": b"https://app.example"},
    ],
)
def test_what_is_no_preflight_of_a_listed_page(control: Control) -> None:
    """It takes the way of any request."""
    assert not CORS.preflight(control)
    assert not Cors(frozenset()).preflight(control)


def test_methods_on_offer() -> None:
    """The usual ones, and what is wanted if it is a method."""
    assert offered(b"GET, PUT", b"PUT") == b"GET, PUT"
    assert offered(b"GET, PUT", b"LIST") == b"GET, PUT, LIST"
    assert offered(b"GET, PUT", b"a b") == b"GET, PUT"
