"""The compose file: by its schema, by what it promises, and by what it refers to."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from proxy import __version__
from proxy.config import load
from proxy.config.units import duration
from proxy.core.address import TcpAddress
from tests.fakes.dockerfile import stages

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
GATEWAY: dict[str, Any] = COMPOSE["services"]["gateway"]
LEGACY: dict[str, Any] = COMPOSE["services"]["legacy"]
TARGET = "/etc/iam-proxy/iam-proxy.toml"


def test_the_schema() -> None:
    """Every key is one of the compose specification."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration(tmp_path: Path) -> None:
    """The mounted file and the variables together load; the health check finds the admin listener at its default."""
    (mount,) = GATEWAY["configs"]
    assert mount["target"] == TARGET
    file = FILE.parent / COMPOSE["configs"][mount["source"]]["file"]
    environ = {**GATEWAY["environment"], "IAM_PROXY_UPSTREAM": "https://my-project.eu.dataplatform.ovh.net"}
    for name in ("IAM_PROXY_APIKEY_FILE", "IAM_PROXY_SECRETKEY_FILE"):
        secret = tmp_path / Path(environ[name]).name
        secret.write_text("some-secret", encoding="utf-8")
        secret.chmod(0o400)
        environ[name] = str(secret)
    settings = load(str(file), environ)
    assert settings.warnings == ()
    assert settings.admin.listen == TcpAddress("127.0.0.1", 9901)
    (address,) = settings.server.listen
    assert isinstance(address, TcpAddress)
    assert f" http://gateway:{address.port}/" in LEGACY["command"][-1]
    assert settings.limits.max_in_flight * settings.limits.replay_buffer < 256 * 1024**2
    assert duration(GATEWAY["stop_grace_period"]) >= settings.server.drain_timeout + 5


def test_keys_stand_in_files_of_their_own() -> None:
    """Each that is named is mounted where the gateway reads it, and none is a value."""
    named = {f"/run/secrets/{name}" for name in GATEWAY["secrets"]}
    assert {value for name, value in GATEWAY["environment"].items() if name.endswith("_FILE")} == named
    assert all(secret.keys() == {"file"} for secret in COMPOSE["secrets"].values())
    assert set(COMPOSE["secrets"]) == set(GATEWAY["secrets"])
    assert "secrets" not in LEGACY
    assert GATEWAY["environment"].keys() - {"IAM_PROXY_APIKEY_FILE", "IAM_PROXY_SECRETKEY_FILE"} == {
        "IAM_PROXY_UPSTREAM"
    }


def test_both_are_shut_in() -> None:
    """Neither can write on its image, has a capability or gains one; the client has no way but to the gateway."""
    for each in (GATEWAY, LEGACY):
        assert (each["read_only"], each["cap_drop"]) == (True, ["ALL"])
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert not {"ports", "privileged", "user", "network_mode"} & each.keys()
    assert LEGACY["networks"] == ["clients"]
    assert COMPOSE["networks"]["clients"] == {"internal": True}


def test_it_is_the_image_of_this_checkout() -> None:
    """Of its version and with its health check; no other image is whatever is latest."""
    assert (FILE.parent / GATEWAY["build"]).resolve() == ROOT
    assert GATEWAY["image"] == f"iam-proxy:{__version__}"
    assert re.fullmatch(r"curlimages/curl:\d+\.\d+\.\d+", LEGACY["image"])
    steps = dict(stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1].steps)
    assert GATEWAY["healthcheck"]["test"] == ["CMD", *json.loads(steps["HEALTHCHECK"].partition("CMD ")[2])]
    assert LEGACY["depends_on"] == {"gateway": {"condition": "service_healthy"}}
