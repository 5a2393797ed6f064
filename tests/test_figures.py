"""What a scrape reads of a running gateway."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest

from proxy import log
from proxy.config.secrets import File
from proxy.config.settings import Admin, Log
from proxy.core.access import networks
from proxy.core.address import TcpAddress
from proxy.core.credential import Verification
from proxy.core.hosts import Hosts
from proxy.core.snapshot import Snapshot
from proxy.core.token import Phase
from proxy.core.token_events import KeyChanged, KeyUnavailable, Outcome
from proxy.errors import StartError
from proxy.figures import tokens, traffic
from proxy.serve import gateway, guarded
from proxy.telling import tell_admin_key
from proxy.tokens.state import TokenState
from tests.core.secrets import Given
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.test_app import client_of, config, running
from tests.test_app_limits import admin_says

pytestmark = pytest.mark.usefixtures("loop_factory")


def values(found: Snapshot, name: str) -> dict[tuple[str, ...], object]:
    """Return the series of a metric by their labels."""
    return {tuple(labels): value for labels, value in found[name]}


async def test_connections_of_an_origin() -> None:
    """Open, idle, made and used again; routes that verify an origin differently count as one origin."""
    async with raw_origin(Platform().visit) as origin:
        base = config(origin.port)
        other = replace(base.routes[0], path=b"/other", verification=Verification(verify=False))
        where = f"http://127.0.0.1:{origin.port}"
        async with running(replace(base, routes=(*base.routes, other))) as app, client_of(app) as client:
            for target in ("/", "/", "/", "/other"):
                assert (await client.get(target)).status == 200
            found = traffic(app)
    assert values(found, "iam_proxy_origin_connections") == {(where, "active"): 0, (where, "idle"): 2}
    assert values(found, "iam_proxy_origin_connections_opened_total") == {(where,): 2}
    assert values(found, "iam_proxy_origin_connections_reused_total") == {(where,): 2}
    assert values(found, "iam_proxy_client_connections") == {(): 1}
    assert values(found, "iam_proxy_client_connections_limit") == {(): app.clients.limit}
    assert values(found, "iam_proxy_in_flight_requests") == {(): 0}


def state(name: str, phase: Phase | None, expires_at: float | None, outcome: Outcome | None) -> TokenState:
    """Return what there is to tell of a credential."""
    return TokenState(name, phase, expires_at, None, outcome, "", None, {}, {})


def test_states_of_credentials() -> None:
    """Live or not; what the last login was, as one of three; when a token expires that does."""
    states = {
        "good": state("good", Phase.FRESH, 100.0, Outcome.SUCCEEDED),
        "held": state("held", Phase.FRESH, math.inf, Outcome.SUCCEEDED),
        "dying": state("dying", Phase.STALE, 90.0, Outcome.UNAVAILABLE),
        "dead": state("dead", None, None, Outcome.REJECTED),
        "new": state("new", None, None, None),
    }
    found = tokens(states, 50.0)
    live = {name for (name,), value in values(found, "iam_proxy_credential_live").items() if value}
    assert live == {"good", "held", "dying"}
    last = {labels for labels, value in values(found, "iam_proxy_last_login").items() if value}
    assert last == {("good", "succeeded"), ("held", "succeeded"), ("dying", "unavailable"), ("dead", "rejected")}
    assert len(found["iam_proxy_last_login"]) == 15
    expiries = values(found, "iam_proxy_token_expiry_timestamp_seconds")
    assert set(expiries) == {("good",), ("dying",)}
    assert math.isclose(float(str(expiries["good",])) - float(str(expiries["dying",])), 10.0, abs_tol=1e-3)
    assert set(values(found, "iam_proxy_logins_total").values()) == {0.0}


# --- who may ask for them


async def test_the_listener_asks_those_whom_its_own_networks_allow() -> None:
    """`admin.allow` counts, not `access.allow`."""
    async with raw_origin(Platform().visit) as origin:
        admin = Admin(TcpAddress("127.0.0.1", 0), networks("10.0.0.0/8"))
        settings = replace(config(origin.port), admin=admin)
        async with gateway(settings, log.configure(Log(), io.StringIO())) as (_, where):
            assert isinstance(where, TcpAddress)
            status, text = await admin_says(where.port, "/livez")
    assert (status, "admin.allow" in text) == (403, True)


async def test_the_key_of_the_listener(tmp_path: Path) -> None:
    """It is read at start; one that cannot be read keeps the gateway from starting."""
    admin = Admin(allow=networks("private"), key=Given("k3y"))
    fields = {b"host": b"10.0.0.1"}
    async with guarded(admin, Hosts()) as guard:
        assert guard.refusal("10.0.0.2", "/status", {**fields, b"x-proxy-key": b"k3y"}) is None
        refused = guard.refusal("10.0.0.2", "/status", {**fields, b"x-proxy-key": b"key"})
        assert refused is not None
        assert refused.code == "client_key_required"
    with pytest.raises(StartError, match=r"^admin\.key: .*gone: No such file"):
        async with guarded(replace(admin, key=File(tmp_path / "gone")), Hosts()):
            pass


def test_what_is_said_of_the_key() -> None:
    """That it changed, or cannot be read; never what it is."""
    stream = io.StringIO()
    log.configure(Log(format="json"), stream)
    tell_admin_key(KeyChanged("key"))
    tell_admin_key(KeyUnavailable("key", "no such file"))
    assert '"event":"admin key changed"' in stream.getvalue()
    assert (
        '"event":"admin key cannot be read; the one before stays in force","cause":"no such file"' in stream.getvalue()
    )
