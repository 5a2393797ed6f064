"""An https origin behind the whole gateway: login and requests over verified TLS."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from proxy.core.address import Upstream
from proxy.core.credential import Verification
from tests.core.secrets import Given, credential
from tests.fakes.origin import RawOrigin
from tests.fakes.platform import APIKEY, SECRETKEY, Platform
from tests.fakes.server import serving
from tests.test_app import ask, client_of, config, running

pytestmark = pytest.mark.usefixtures("loop_factory")


def server_context(tmp_path: Path) -> ssl.SSLContext:
    """Return a server's context; its authority is in ca.pem."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context


async def test_login_and_requests_over_tls(tmp_path: Path) -> None:
    """With the authority in `ca_file` both are answered, over one connection that is used again."""
    platform = Platform()
    origin = RawOrigin(platform.visit)
    async with serving(origin.visit, server_context(tmp_path)) as port:
        trusted = Verification(str(tmp_path / "ca.pem"))
        base = config(port)
        upstream = Upstream("https", "localhost", port)
        recipe = credential(f"https://localhost:{port}/iam/login", None, Given(APIKEY), Given(SECRETKEY)).recipe
        trusting = replace(base.credentials["default"], recipe=recipe, verification=trusted)
        settings = replace(
            base,
            routes=(replace(base.routes[0], upstream=upstream, verification=trusted),),
            credentials={"default": trusting},
        )
        async with running(settings) as app:
            assert [await ask(app) for _ in range(5)] == [200] * 5
            assert next(iter(app.pools.values())).dialled == 1
    assert platform.logins == 1


async def test_an_origin_that_does_not_verify(tmp_path: Path) -> None:
    """502 tls_error, and nothing is sent."""
    platform = Platform()
    origin = RawOrigin(platform.visit)
    async with serving(origin.visit, server_context(tmp_path)) as port:
        base = config(port)
        route = replace(base.routes[0], upstream=Upstream("https", "localhost", port), credential=None)
        async with running(replace(base, routes=(route,))) as app, client_of(app) as client:
            answer = await client.get()
    assert (answer.status, origin.arrived) == (502, [])
    assert b'"code":"tls_error"' in answer.body
    assert answer.values(b"proxy-status") == [b"iam-proxy; error=tls_certificate_error"]
