"""The watch over all tests hears what it is to hear."""

import io
import json
import logging
from collections.abc import Callable

import pytest
import structlog

from proxy import log
from proxy.config.settings import Log
from proxy.core.secret import Secret
from proxy.errors import BadRequest, ConfigError, PathDenied, StartError, StoreDamaged, StoreError
from proxy.view import AppView
from tests.access.requests import KEYED, once
from tests.admin.test_listener import admin_of
from tests.canary.watch import Watch
from tests.fakes.gateway import gateway_to
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.fakes.tokens import token
from tests.test_app import config, running

SECRET = "canary-of-the-watch"


def found(watch: Watch) -> set[str]:
    """Return what the watch has found so far, and let it forget."""
    hits = set(watch.hits())
    watch.said.clear()
    return hits


TELL: dict[str, Callable[[str], object]] = {
    "a log line": lambda secret: structlog.get_logger().info("oops", what=f"Bearer {secret}"),
    "a log line of a library": lambda secret: logging.getLogger(f"oops {secret}").error("oops"),
    "our own exception": lambda secret: PathDenied(f"not {secret}"),
    "the cause of one": lambda secret: BadRequest(cause=f"not {secret}"),
    "a mistake": lambda secret: ConfigError([f"line 1: {secret}"]),
    "a reason not to start": StartError,
    "a store": lambda secret: (StoreError(secret), StoreDamaged(secret)),
}


@pytest.mark.parametrize("way", TELL)
@pytest.mark.parametrize("kind", [Secret, token])
def test_whatever_tells_a_secret_is_heard(way: str, kind: Callable[[str], object], watch: Watch) -> None:
    """One that was given as a secret or as a token."""
    log.configure(Log(format="json", level="debug"), io.StringIO())
    TELL[way](SECRET)
    assert found(watch) == set()
    kind(SECRET)
    TELL[way](SECRET)
    assert found(watch) == {SECRET}


async def test_the_target_of_an_exchange_is_heard(watch: Watch) -> None:
    """As the log would show it: with the values hidden that have a name for it, and with all others."""
    async with raw_origin() as origin, gateway_to(origin.port, access=KEYED) as bench:
        await once(bench, "GET /?token=key-of-cron&X-Proxy-Key=key-of-cron")
        await bench.facts(1)
        assert found(watch) == set()
        await once(bench, "GET /key-of-cron")
        await bench.facts(2)
        assert found(watch) == {"key-of-cron"}


async def test_an_answer_of_the_gateway_is_heard(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head and its body."""
    Secret(SECRET)
    monkeypatch.setattr(PathDenied, "detail", f"You may not know {SECRET}.")
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        assert SECRET.encode() in (await once(bench, "GET /iam/login")).body
        await bench.facts(1)
    assert found(watch) == {SECRET}


@pytest.mark.parametrize("path", ["/status", "/readyz", "/metrics"])
async def test_a_page_of_the_admin_listener_is_heard(path: str, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it shows."""
    pages = {"/status": "status", "/readyz": "unready", "/metrics": "metrics"}
    shown: object = b"canary-of-the-watch" if path == "/metrics" else {"x": json.dumps({"x": SECRET})}

    async def later(_: AppView) -> object:
        return shown

    monkeypatch.setattr(AppView, pages[path], (lambda _: shown) if path == "/readyz" else later)
    Secret(SECRET)
    async with raw_origin(Platform().visit) as origin, running(config(origin.port)) as app, admin_of(app) as admin:
        assert SECRET in (await admin.get(path))[1]
    assert found(watch) == {SECRET}
