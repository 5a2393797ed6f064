"""Which route a request takes."""

import pytest

from proxy.core.address import Upstream
from proxy.core.route import LOGIN_PATHS, Route
from proxy.core.routing import REMEMBERED, RouteTable, outgoing, stripped
from proxy.errors import MethodNotAllowed, NoRoute, PathDenied

HERE = Upstream("http", "127.0.0.1", 1)
THERE = Upstream("http", "127.0.0.1", 2)


def table(*routes: Route) -> RouteTable:
    """Return a table of these routes."""
    return RouteTable(routes)


def test_the_longest_prefix_of_whole_segments_wins() -> None:
    """`/a/b` beats `/a` for what lies below it, and matches nothing beside it."""
    routes = table(Route(b"/", HERE), Route(b"/a", HERE), Route(b"/a/b", HERE))
    found = {
        path: routes.find(b"h", path).route.path for path in (b"/", b"/a", b"/a/", b"/ab", b"/a/b", b"/a/bc", b"/a/b/c")
    }
    assert found == {
        b"/": b"/",
        b"/a": b"/a",
        b"/a/": b"/a",
        b"/ab": b"/",
        b"/a/b": b"/a/b",
        b"/a/bc": b"/a",
        b"/a/b/c": b"/a/b",
    }


def test_a_route_with_the_asked_host_goes_before_one_without() -> None:
    """Host first, then the longest path."""
    routes = table(Route(b"/a/b", HERE), Route(b"/", HERE, host=b"api.localhost"))
    assert routes.find(b"API.localhost:8080", b"/a/b").route.host == b"api.localhost"
    assert routes.find(b"other", b"/a/b").route.host is None


def test_an_absolute_target_is_for_the_routes_to_the_upstream_that_it_names() -> None:
    """By the longest path among those; the host of a route goes before, and any other name is the gateway's own."""
    there = Upstream("https", "There.example", 443)
    by_host = Route(b"/", there, host=b"b.localhost")
    routes = table(Route(b"/", HERE), Route(b"/a", there), Route(b"/a/b", there), by_host)
    found = {
        (host, path): routes.find(host, path, absolute=True)
        for host in (b"there.example", b"THERE.example:80", b"there.example:443", b"127.0.0.1:1", b"127.0.0.1:80")
        for path in (b"/a/c", b"/a/b", b"/c")
    }
    third = routes.rules[3]
    assert [rules.index for rules in found.values()] == [1, 2, 3] * 3 + [0, 0, 0] * 2
    assert routes.find(b"there.example:8443", b"/a", absolute=True).index == 1  # no upstream's: as its path alone
    assert routes.find(b"there.example", b"/c").index == 0
    assert routes.find(b"b.localhost", b"/c", absolute=True) is third
    assert all(map(routes.names, (b"b.LOCALHOST:1", b"there.example", b"127.0.0.1")))
    assert not any(map(routes.names, (b"localhost", b"there.example:8443", b"127.0.0.1:2", b"")))


def test_of_routes_to_one_upstream_that_without_a_host_is_meant() -> None:
    """Else the first; their hosts tell them apart."""
    hosts = [Route(b"/", HERE, host=host) for host in (b"one.localhost", b"two.localhost")]
    assert table(*hosts).find(b"127.0.0.1:1", b"/", absolute=True).index == 0
    assert table(*hosts, Route(b"/", HERE)).find(b"127.0.0.1:1", b"/", absolute=True).index == 2


def test_an_upstream_without_a_route_for_the_path() -> None:
    """It is said so: no other upstream's route is taken."""
    routes = table(Route(b"/", HERE), Route(b"/a", Upstream("https", "there.example", 443)))
    with pytest.raises(NoRoute):
        routes.find(b"there.example", b"/b", absolute=True)
    with pytest.raises(PathDenied):
        routes.find(b"there.example", b"/a/../b", absolute=True)


def test_no_route() -> None:
    """What matches nothing is said so."""
    with pytest.raises(NoRoute):
        table(Route(b"/a", HERE)).find(b"h", b"/b")


@pytest.mark.parametrize("path", [b"/a/../b/x", b"/%62/x", b"/a/%2e%2e/b", b"/b;x/y", b"\\b", b"//b"])
def test_a_path_whose_plain_form_leads_elsewhere_is_denied(path: bytes) -> None:
    """A spelling that the origin may resolve into another route's path is ambiguous."""
    routes = table(Route(b"/", HERE), Route(b"/a", HERE), Route(b"/b", HERE))
    with pytest.raises(PathDenied):
        routes.find(b"h", path)


def test_deny_is_judged_before_and_after_the_prefix_is_stripped() -> None:
    """A denied path cannot hide behind the prefix."""
    rules = table(Route(b"/p", HERE, strip_prefix=True, deny=LOGIN_PATHS)).find(b"h", b"/p/iam/login")
    for path in (b"/p/iam/login", b"/p//IAM/login", b"/p/%2e/iam/v4/login/x"):
        with pytest.raises(PathDenied):
            rules.judge(b"GET", path)
    rules.judge(b"GET", b"/p/iam/users")


def test_allow_lets_nothing_else_through() -> None:
    """With an allow list only what lies below it passes."""
    rules = table(Route(b"/", HERE, allow=(b"/qb",))).find(b"h", b"/")
    rules.judge(b"GET", b"/qb/query")
    for path in (b"/", b"/qbx", b"/qb/../dwh"):
        with pytest.raises(PathDenied):
            rules.judge(b"GET", path)


BELOW = Upstream("http", "127.0.0.1", 1, b"/tenants/one")


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        b"/../two/x",
        b"/..",
        b"/a/../../two",
        b"/%2e%2e/two",
        b"/..%2ftwo",
        b"/\\../x",
    ],
)
def test_no_path_leads_out_of_the_upstreams_own(path: bytes, strip: bool) -> None:
    """Dot segments that climb above it are denied, rules or none; those that lead back are not."""
    prefix = b"/p" if strip else b""
    rules = table(Route(prefix or b"/", BELOW, strip_prefix=strip)).rules[0]
    rules.judge(b"GET", prefix + b"/a/../b")
    rules.judge(b"GET", prefix + b"/a%20b/.../c")
    rules.judge(b"GET", prefix + b"/../one/x")
    rules.judge(b"GET", prefix or b"/")
    with pytest.raises(PathDenied):
        rules.judge(b"GET", prefix + path)


def test_a_target_beside_the_request_line_stays_there_as_well() -> None:
    """It is one of the origin's, so it has to lie below the upstream's own path."""
    rules = table(Route(b"/", BELOW)).rules[0]
    rules.judge_target(b"https://h/tenants/one/x?y")
    for url in (b"/tenants/two", b"/", b"https://h/tenants/two", b"/tenants/one/../two", b"//tenants/one/x"):
        with pytest.raises(PathDenied):
            rules.judge_target(url)


def test_deny_is_judged_with_the_upstreams_own_path_as_well() -> None:
    """A login is not reached by way of an upstream that ends above it; a rule that denies all of it is not meant."""
    iam = Upstream("http", "127.0.0.1", 1, b"/iam")
    rules = table(Route(b"/", iam, deny=LOGIN_PATHS)).rules[0]
    rules.judge(b"GET", b"/users")
    for path in (b"/login", b"/LOGIN", b"/v4/login/x", b"//login", b"/login;x", b"/%6cogin"):
        with pytest.raises(PathDenied):
            rules.judge(b"GET", path)
    whole = table(Route(b"/", iam, deny=(b"/iam",))).rules[0]
    whole.judge(b"GET", b"/login")
    with pytest.raises(PathDenied):
        whole.judge(b"GET", b"/iam/x")


def test_what_is_remembered_is_bounded_and_what_is_asked_for_now() -> None:
    """Whoever comes first with many paths does not make those that come later cost more for ever."""
    routes = table(Route(b"/", HERE, deny=LOGIN_PATHS))
    for number in range(3 * REMEMBERED):
        routes.admit(b"h", b"GET", b"/%d" % number)
    routes.admit(b"h", b"GET", b"/now")
    assert (b"h", b"GET", b"/now", False) in routes.let_in
    assert len(routes.let_in) <= REMEMBERED


def test_what_is_remembered_is_short() -> None:
    """A long host, method or path is judged each time, so that nobody fills the memory with a few of them."""
    routes = table(Route(b"/", HERE, deny=LOGIN_PATHS))
    for asked in ((b"h" * 300, b"GET", b"/"), (b"h", b"M" * 300, b"/"), (b"h", b"GET", b"/" + b"p" * 300)):
        assert routes.admit(*asked) is routes.rules[0]
    assert not routes.let_in


def test_what_one_request_may_do_says_nothing_of_another() -> None:
    """Neither a host, nor a method, nor a path passes because another one has."""
    rest = Route(b"/", HERE, methods=frozenset((b"GET", b"HEAD")), deny=LOGIN_PATHS)
    routes = table(Route(b"/", HERE, host=b"api.localhost"), rest)
    for _ in range(2):
        assert routes.admit(b"h", b"GET", b"/a").route is rest
        assert routes.admit(b"api.localhost", b"GET", b"/a").route.host == b"api.localhost"
        assert routes.admit(b"api.localhost", b"POST", b"/iam/login").route.host == b"api.localhost"
        with pytest.raises(MethodNotAllowed):
            routes.admit(b"h", b"POST", b"/a")
        with pytest.raises(PathDenied):
            routes.admit(b"h", b"GET", b"/iam/login")


def test_what_a_proxys_client_may_ask_says_nothing_of_others() -> None:
    """Nor the other way round: an absolute target that names an upstream is for that one's routes alone."""
    routes = table(Route(b"/", HERE), Route(b"/", THERE, host=b"there.localhost"))
    host = b"%b:%d" % (THERE.literal, THERE.port)
    for _ in range(2):
        assert routes.admit(host, b"GET", b"/a").route.upstream is HERE
        assert routes.admit(host, b"GET", b"/a", absolute=True).route.upstream is THERE


def test_methods() -> None:
    """What is not listed is refused, with the list."""
    rules = table(Route(b"/", HERE, methods=frozenset((b"GET", b"HEAD")))).find(b"h", b"/")
    rules.judge(b"HEAD", b"/")
    with pytest.raises(MethodNotAllowed) as refused:
        rules.judge(b"POST", b"/")
    assert refused.value.allow == "GET, HEAD"


def test_what_is_forwarded_stays_as_it_came() -> None:
    """Prefix off and base on change nothing else."""
    route = Route(b"/p", Upstream("http", "h", 1, b"/base"), strip_prefix=True)
    assert outgoing(b"/p/%2f/..//x?y=[1]", route) == b"/base/%2f/..//x?y=[1]"
    assert stripped(b"/p", route) == b"/"
    assert outgoing(b"/x", Route(b"/", HERE)) == b"/x"
