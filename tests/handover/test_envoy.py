"""`deploy/envoy/envoy.yaml` in a real Envoy."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.envoy import envoy
from tests.fakes.nginx import certificate
from tests.fakes.ports import free_port
from tests.handover.cases import BODY, CASES, ECHO, Case, fields
from tests.handover.stage import AUTHORITIES, PLATFORM, ROOT, SOCKET, Stage, placed, staged

pytestmark = pytest.mark.long

FILE = (ROOT / "deploy" / "envoy" / "envoy.yaml").read_text(encoding="utf-8")
KEPT = 1024 * 1024  # per_connection_buffer_limit_bytes
LONGEST = 8190  # of a target that the platform takes


@contextlib.asynccontextmanager
async def in_front(folder: Path, authority: str = "ca.pem") -> AsyncIterator[Stage]:
    """Run the file in front of a platform."""
    async with staged(folder) as stage:
        stage.port = free_port()
        file = placed(
            FILE,
            {
                SOCKET: stage.socket,
                f"address: {PLATFORM}, port_value: 443": f"address: 127.0.0.1, port_value: {stage.platform_port}",
                PLATFORM: "localhost",
                AUTHORITIES: f"{folder}/{authority}",
                "port_value: 8080": f"port_value: {stage.port}",
            },
        )
        async with envoy(folder, file):
            yield stage


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_envoy_on_the_data_path(case: Case, tmp_path: Path) -> None:
    """Each case of `cases.py` holds."""
    async with in_front(tmp_path) as stage:
        await case(stage)


async def test_what_is_too_large_to_be_kept_is_given_back_all_the_same(tmp_path: Path) -> None:
    """Its 401 reaches the caller; the next one has a new token, whatever its size."""
    async with in_front(tmp_path) as stage:
        assert f"per_connection_buffer_limit_bytes: {KEPT} " in FILE
        assert (await stage.get("/qb/query")).status == 200
        stage.platform.revoke_all()
        large = bytes(2 * KEPT)
        answers = [await stage.post("/upload", large), await stage.post("/upload", large)]
        assert [answer.status for answer in answers] == [401, 200]
        assert json.loads(answers[1].body)["size"] == len(large)
        assert stage.platform.logins == 2


async def test_callers_do_not_steer_it(tmp_path: Path) -> None:
    """Envoy's own fields, which say what is sent again, are taken off."""
    async with in_front(tmp_path) as stage:
        lines = ("x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3", "x-envoy-upstream-rq-timeout-ms: 1")
        assert (await stage.get("/status/500", *lines)).status == 500
        assert stage.platform.requests == 1
        arrived = fields(await stage.get("/echo", *lines))
        assert "x-envoy-retry-on" not in arrived
        assert "x-envoy-attempt-count" not in arrived


async def test_a_long_target_is_asked_for_like_any_other(tmp_path: Path) -> None:
    """Envoy takes it, so the token socket does; with bytes in it that no path should have."""
    async with in_front(tmp_path) as stage:
        long = "/echo/".ljust(LONGEST - len("?%zz=%ff&[]="), "x") + "?%zz=%ff&[]="
        answer = await stage.get(long)
        assert answer.status == 200
        assert json.loads(answer.body)["target"] == long
        assert (await stage.get(ECHO)).status == 200


async def test_a_platform_that_cannot_be_verified_gets_nothing(tmp_path: Path) -> None:
    """Neither a request nor a token."""
    (tmp_path / "other").mkdir()
    certificate(tmp_path / "other")
    async with in_front(tmp_path, "other/ca.pem") as stage:
        assert (await stage.post("/qb/query", BODY)).status == 503
        assert stage.platform.requests == 0
