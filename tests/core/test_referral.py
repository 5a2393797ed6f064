"""What an answer says of its origin, as it reads at the gateway."""

import pytest

from proxy.core.referral import Referral

HOST = b"localhost:8080"
GATEWAY = b"http://" + HOST
PLAIN = Referral(b"api.example", 443)
MOVED = Referral(b"api.example", 443, base=b"/base", prefix=b"/here")
STRIPPED = Referral(b"api.example", 443, prefix=b"/here")
BASED = Referral(b"api.example", 443, base=b"/base")
QUERY = Referral(b"api.example", 443, parameter=b"token")
LOCAL = Referral(b"127.0.0.1", 9000)
IPV6 = Referral(b"[::1]", 9000)

LOCATIONS = [
    (PLAIN, b"https://api.example/x?y#z", b"http://localhost:8080/x?y#z"),
    (PLAIN, b"https://API.example:443/x", b"http://localhost:8080/x"),
    (PLAIN, b"http://api.example/x", b"http://localhost:8080/x"),
    (PLAIN, b"HTTPS://api.example", b"http://localhost:8080/"),
    (PLAIN, b"//api.example/x", b"http://localhost:8080/x"),
    (PLAIN, b"https://api.example?x", b"http://localhost:8080/?x"),
    (PLAIN, b"https://api.example:8443/x", b"https://api.example:8443/x"),
    (PLAIN, b"https://other.example/x", b"https://other.example/x"),
    (PLAIN, b"https://api.example.evil/x", b"https://api.example.evil/x"),
    (PLAIN, b"https://user@api.example/x", b"https://user@api.example/x"),
    (PLAIN, b"/x", b"/x"),
    (PLAIN, b"x/y", b"x/y"),
    (PLAIN, b"?x", b"?x"),
    (PLAIN, b"", b""),
    (PLAIN, b"mailto:api.example", b"mailto:api.example"),
    (LOCAL, b"http://127.0.0.1:9000/x", b"http://localhost:8080/x"),
    (LOCAL, b"http://127.0.0.1/x", b"http://127.0.0.1/x"),
    (IPV6, b"http://[::1]:9000/x", b"http://localhost:8080/x"),
    (IPV6, b"http://[::2]:9000/x", b"http://[::2]:9000/x"),
    (BASED, b"https://api.example/base/x", b"http://localhost:8080/x"),
    (BASED, b"https://api.example/base", b"http://localhost:8080/"),
    (BASED, b"https://api.example/basement", b"https://api.example/basement"),
    (BASED, b"https://api.example/elsewhere", b"https://api.example/elsewhere"),
    (BASED, b"/base/x?y", b"/x?y"),
    (BASED, b"/elsewhere", b"/elsewhere"),
    (BASED, b"/base//evil.example", b"/.//evil.example"),
    (BASED, b"/base/\\evil.example", b"/./\\evil.example"),
    (BASED, b"/base/\t/evil.example", b"/./\t/evil.example"),
    (BASED, b"/base/\t\\evil.example", b"/./\t\\evil.example"),
    (STRIPPED, b"https://api.example/x", b"http://localhost:8080/here/x"),
    (STRIPPED, b"/x#y?z", b"/here/x#y?z"),
    (STRIPPED, b"x", b"x"),
    (MOVED, b"/base/x", b"/here/x"),
    (MOVED, b"/base", b"/here/"),
    (MOVED, b"https://api.example/base/x?a=/base", b"http://localhost:8080/here/x?a=/base"),
    (QUERY, b"https://api.example/x?a=b&token=secret&c", b"http://localhost:8080/x?a=b&c"),
    (QUERY, b"/x?token=secret", b"/x"),
    (QUERY, b"/x?token=secret#part", b"/x#part"),
    (QUERY, b"https://other.example/?%74oken=secret", b"https://other.example/"),
    (QUERY, b"?token=secret&a", b"?a"),
]


@pytest.mark.parametrize(("referral", "said", "read"), LOCATIONS)
def test_urls(referral: Referral, said: bytes, read: bytes) -> None:
    """A URL that names the origin names the gateway; an injected parameter never comes back."""
    assert referral.url(said, GATEWAY) == read


def test_a_client_that_gave_no_name_gets_a_path() -> None:
    """HTTP/1.0 knows no Host."""
    assert PLAIN.url(b"https://api.example/x?y", b"") == b"/x?y"


LINES = [
    (b"Location: https://api.example/x\r\n", b"Location: http://localhost:8080/x\r\n"),
    (b"LOCATION:https://api.example/x\r\n", b"LOCATION: http://localhost:8080/x\r\n"),
    (b"Content-Location: //api.example/x\r\n", b"Content-Location: http://localhost:8080/x\r\n"),
    (b"Refresh: 5; url=https://api.example/x\r\n", b"Refresh: 5; url=http://localhost:8080/x\r\n"),
    (b'refresh: 0;URL="https://api.example/x"\r\n', b'refresh: 0;URL="http://localhost:8080/x"\r\n'),
    (b"Refresh: 0 ; url = 'https://api.example/x' \r\n", b"Refresh: 0 ; url = 'http://localhost:8080/x'\r\n"),
    (b"Refresh: 5, url=/x\r\n", b"Refresh: 5, url=/x\r\n"),
    (b"Refresh: 5; url=\r\n", b"Refresh: 5; url=\r\n"),
    (b'Refresh: 5; url="https://api.example/x\r\n', b'Refresh: 5; url="http://localhost:8080/x\r\n'),
    (b"Refresh: 5\r\n", b"Refresh: 5\r\n"),
    (
        b'Link: <https://api.example/2>; rel="next", <https://other/>; rel=x, </3>\r\n',
        b'Link: <http://localhost:8080/2>; rel="next", <https://other/>; rel=x, </3>\r\n',
    ),
    (b"X-Location: https://api.example/x\r\n", b"X-Location: https://api.example/x\r\n"),
    (b"Location:  /kept \r\n", b"Location:  /kept \r\n"),
]


@pytest.mark.parametrize(("said", "read"), LINES)
def test_fields(said: bytes, read: bytes) -> None:
    """Location, Content-Location, Refresh and Link; what needs no change keeps its bytes."""
    assert PLAIN.lines([said], HOST) == [read]


@pytest.mark.parametrize(
    "value", [b"0" + b" " * 30_000 + b"x", b"1 " * 15_000 + b"x", b'0; url="' + b'" ' * 15_000 + b"x", b";" * 30_000]
)
def test_a_hostile_refresh_costs_no_more_than_its_length(value: bytes) -> None:
    """As long as a header section may be: an expression that went back and forth in it would not end."""
    assert PLAIN.lines([b"Refresh: %b\r\n" % value], GATEWAY) == [b"Refresh: %b\r\n" % value]


COOKIES = [
    (PLAIN, b"a=b", b"a=b"),
    (PLAIN, b"a=b; Path=/; HttpOnly", b"a=b; Path=/; HttpOnly"),
    (PLAIN, b"a=b; Domain=api.example; Path=/x", b"a=b; Path=/x"),
    (PLAIN, b"a=b;domain=.example;SECURE;HttpOnly", b"a=b;HttpOnly"),
    (PLAIN, b"a=b; Secure; SameSite=None; Max-Age=5", b"a=b; SameSite=Lax; Max-Age=5"),
    (PLAIN, b"a=b; SameSite=Strict; Secure", b"a=b; SameSite=Strict"),
    (PLAIN, b"a=Secure; Secure", b"a=Secure"),
    (PLAIN, b"Secure=1; Path=/", b"Secure=1; Path=/"),
    (PLAIN, b'a="x, y"; Expires=Wed, 21 Oct 2026 07:28:00 GMT', b'a="x, y"; Expires=Wed, 21 Oct 2026 07:28:00 GMT'),
    (PLAIN, b"__Host-a=b; Secure; Path=/", b"__Host-a=b; Secure; Path=/"),
    (PLAIN, b"__Secure-a=b; Secure; Domain=x", b"__Secure-a=b; Secure; Domain=x"),
    (PLAIN, b"__SECURE-a=b; Secure", b"__SECURE-a=b; Secure"),
    (MOVED, b"a=b; Path=/base/x", b"a=b; Path=/here/x"),
    (MOVED, b"a=b; Path=/", b"a=b; Path=/here"),
    (STRIPPED, b"a=b; Path=/x", b"a=b; Path=/here/x"),
    (STRIPPED, b"a=b; Path=/", b"a=b; Path=/here"),  # `/here/` would not be sent to `/here` (RFC 6265 §5.1.4)
    (MOVED, b"a=b; Path=/base/", b"a=b; Path=/here"),
    (BASED, b"a=b; path=/base", b"a=b; Path=/"),
    (BASED, b"a=b; path=/elsewhere", b"a=b; Path=/"),
]


@pytest.mark.parametrize(("referral", "said", "read"), COOKIES)
def test_cookies(referral: Referral, said: bytes, read: bytes) -> None:
    """A cookie is one that a client on plain http at the gateway keeps and sends back."""
    assert referral.lines([b"Set-Cookie: %b\r\n" % said], HOST) == [b"Set-Cookie: %b\r\n" % read]


@pytest.mark.parametrize(
    ("said", "target", "read"),
    [
        (b"a=b; HttpOnly", b"/here", b"a=b; HttpOnly; Path=/here"),
        (b"a=b; Domain=api.example", b"/here?x=/", b"a=b; Path=/here"),
        (b"a=b; Path=/x", b"/here", b"a=b; Path=/here/x"),
        (b"a=b", b"/here/", b"a=b"),
        (b"a=b", b"/here/x", b"a=b"),
        (b"__Host-a=b; Secure; Path=/", b"/here", b"__Host-a=b; Secure; Path=/"),
    ],
)
def test_a_cookie_without_a_path_keeps_to_its_route(said: bytes, target: bytes, read: bytes) -> None:
    """Set in answer to the prefix alone, it would belong to every path of the gateway (RFC 6265 §5.1.4)."""
    line = b"Set-Cookie: %b\r\n" % said
    assert STRIPPED.lines([line], HOST, target=target) == [b"Set-Cookie: %b\r\n" % read]
    assert PLAIN.lines([b"Set-Cookie: a=b\r\n"], HOST, target=target) == [b"Set-Cookie: a=b\r\n"]


@pytest.mark.parametrize(
    ("referral", "said", "read"),
    [
        (PLAIN, b"a=b; Domain=api.example; Secure; SameSite=None", b"a=b; Secure; SameSite=None"),
        (PLAIN, b"a=b; HttpOnly", b"a=b; HttpOnly"),
        (PLAIN, b"__Secure-a=b; Secure; Domain=x", b"__Secure-a=b; Secure"),
        (MOVED, b"__Secure-a=b; Secure; Path=/base/x", b"__Secure-a=b; Secure; Path=/here/x"),
        (MOVED, b"__Host-a=b; Secure; Path=/", b"__Host-a=b; Secure; Path=/"),
        (MOVED, b"a=b; Path=/base/x; Secure", b"a=b; Path=/here/x; Secure"),
    ],
)
def test_cookies_over_tls(referral: Referral, said: bytes, read: bytes) -> None:
    """A client on https keeps them with Secure; only what leads elsewhere goes."""
    assert referral.lines([b"Set-Cookie: %b\r\n" % said], HOST, b"https") == [b"Set-Cookie: %b\r\n" % read]


def test_a_client_over_tls_is_sent_to_https() -> None:
    """Whatever scheme the origin has used; one that gave no name gets a path."""
    for said in (b"https://api.example/x", b"http://api.example/x", b"//api.example/x"):
        line = b"Location: %b\r\n" % said
        assert PLAIN.lines([line], HOST, b"https") == [b"Location: https://localhost:8080/x\r\n"]
        assert PLAIN.lines([line], b"", b"https") == [b"Location: /x\r\n"]


def test_a_refresh_that_is_none_costs_no_time() -> None:
    """Nor does one with a tail of spaces: a field of 30 KB would hold all connections for hours if it did."""
    for value in (
        b"1" + b" " * 30_000 + b"x",
        b"1;url=a" + b" " * 30_000 + b"x",
        b"1" * 30_000,
        b";url" + b" " * 30_000,
    ):
        line = b"Refresh: %b\r\n" % value
        assert Referral(b"origin.example", 80).lines([line], b"gateway") == [line]
