"""What two configurations differ in."""

from dataclasses import replace

from proxy.config.changes import changes, needs_restart
from proxy.config.settings import Admin, Config, Log, Server
from proxy.core.access import Access
from proxy.core.address import TcpAddress, Upstream
from proxy.core.limits import Limits
from proxy.core.route import Route
from tests.core.secrets import Given, credential

ROUTE = Route(b"/", Upstream("https", "x", 443))
CONFIG = Config((ROUTE,), {"main": credential()})


def test_nothing() -> None:
    """Two that were read from the same text are equal, and so is one with other warnings."""
    other = Config((ROUTE,), {"main": credential()}, warnings=("careful",), source="x.toml")
    assert changes(CONFIG, other) == []


def test_routes_and_credentials_by_name() -> None:
    """Added, removed, changed; a secret is never shown."""
    routes = (replace(ROUTE, via=False), replace(ROUTE, path=b"/a", host=b"h"))
    other = replace(CONFIG, routes=routes, credentials={"main": credential(apikey=Given("hunter2"))})
    assert changes(CONFIG, other) == ["route h/a added", "route / changed", "credential main changed"]
    assert changes(other, CONFIG) == ["route h/a removed", "route / changed", "credential main changed"]


def test_every_other_key() -> None:
    """By its name in the file; what is read at the start alone is told apart."""
    other = replace(
        CONFIG,
        server=Server((TcpAddress("127.0.0.1", 1),)),
        admin=Admin(None, quit=True),
        access=Access(client_keys={"cron": Given("x")}),
        limits=Limits(max_in_flight=1),
        log=Log("json", "debug"),
    )
    found = changes(CONFIG, other)
    assert found == [
        "server.listen",
        "admin.listen",
        "admin.quit",
        "access.client_keys",
        "limits.max_in_flight",
        "log.format",
        "log.level",
    ]
    assert needs_restart(found, sockets=False) == ["admin.listen"]
    assert needs_restart(found, sockets=True) == ["server.listen", "admin.listen"]
