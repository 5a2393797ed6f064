"""Which proxy is asked for which server."""

import pytest

from proxy.core.egress import Egress, EgressProxy, exempted
from proxy.core.secret import Secret

WEB, SECURE = EgressProxy("web.corp", 3128), EgressProxy("secure.corp", 3129)


@pytest.mark.parametrize(
    ("exempt", "host", "port", "direct"),
    [
        ("", "platform.example", 443, False),
        ("*", "platform.example", 443, True),
        ("platform.example", "platform.example", 443, True),
        ("platform.example", "a.b.platform.example", 443, True),
        ("platform.example", "myplatform.example", 443, False),
        ("platform.example", "example", 443, False),
        (".platform.example", "platform.example", 443, True),
        (".platform.example", "a.platform.example", 443, True),
        (".platform.example", "myplatform.example", 443, False),
        ("platform.example.", "platform.example", 443, True),
        ("platform.example", "platform.example.", 443, True),
        ("PLATFORM.example", "platform.EXAMPLE", 443, True),
        ("a.example,b.example", "b.example", 443, True),
        ("a.example , b.example", "b.example", 443, True),
        ("a.example b.example", "b.example", 443, True),
        ("a.example,,", "b.example", 443, False),
        (",.,", "b.example", 443, False),
        ("platform.example:8443", "platform.example", 443, False),
        ("platform.example:8443", "platform.example", 8443, True),
        ("platform.example:8443", "a.platform.example", 8443, True),
        ("*:8443", "platform.example", 8443, True),
        ("*:8443", "platform.example", 443, False),
        ("*.platform.example", "a.platform.example", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1", "10.0.0.2", 443, False),
        ("10.0.0.1:80", "10.0.0.1", 443, False),
        ("10.0.0.1:443", "10.0.0.1", 443, True),
        ("0.1", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "10.9.9.9", 443, True),
        ("10.1.2.3/8", "10.9.9.9", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.0/99", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "host.10.0.0.0", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
        ("[fd00::1]", "fd00:0::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 80, False),
        ("fd00::1", "fd00::1", 443, True),
    ],
)
def test_who_is_exempt(exempt: str, host: str, port: int, direct: bool) -> None:
    """As curl reads NO_PROXY, and with a port only there."""
    assert Egress(WEB, SECURE, exempted(exempt)).proxy("https", host, port) == (None if direct else SECURE)


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("gateway.localhost", True),
        ("localhost.example", False),
        ("mylocalhost", False),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("128.0.0.1", False),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::2", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_needs_no_proxy(host: str, direct: bool) -> None:
    """Whatever is configured."""
    assert Egress(WEB, SECURE).proxy("http", host, 80) == (None if direct else WEB)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://platform.example/iam/login", SECURE),
        ("http://platform.example/iam/login", WEB),
        ("https://exempt.example/iam/login?x=1", None),
        ("https://other.example:8443/", None),
        ("https://other.example/", SECURE),
        ("https://[fd00::1]/", None),
        ("http://localhost:9902/iam/login", None),
    ],
)
def test_the_proxy_for_a_url(url: str, proxy: EgressProxy | None) -> None:
    """By its scheme, host and port; the scheme's own where none is written."""
    egress = Egress(WEB, SECURE, exempted("exempt.example:443, other.example:8443, [fd00::1]:443"))
    assert egress.proxy_for(url) == proxy


def test_without_a_proxy_for_the_scheme_the_way_is_direct() -> None:
    """One for http says nothing of https."""
    assert Egress(http=WEB).proxy("https", "platform.example", 443) is None


def test_a_password_is_shown_nowhere() -> None:
    """But in the field that carries it, in the form of RFC 7617 with UTF-8."""
    proxy = EgressProxy("fd00::1", 3128, Secret("Aladdin:open sésame"))
    assert (str(proxy), "open" in repr(proxy)) == ("http://[fd00::1]:3128", False)
    assert proxy.authorization == "Basic QWxhZGRpbjpvcGVuIHPDqXNhbWU="
    assert WEB.authorization is None
