"""What docs/recipes.md has to be typed, typed."""

import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_documentation import answers
from tests.recipes.stage import BLOCKS, PAGE, ROOT, Stage

ROWS = "row;region;sales\n0;Brittany;0\n1;Brittany;1\n2;Brittany;2\n"
ANSWER = '{"success": true, "results"'
KEY_OF_EXCEL = "Basic " + base64.b64encode(b"any:key-of-excel").decode()

# What the plugin's page on provisioning, and its own types of a configuration, have.
INFINITY = {
    "apiVersion": int,
    "name": str,
    "type": str,
    "basicAuth": bool,
    "basicAuthUser": str,
    "auth_method": str,
    "allowedHosts": list,
    "timeoutInSeconds": int,
    "customHealthCheckEnabled": bool,
    "customHealthCheckUrl": str,
    "basicAuthPassword": str,
}


def test_no_block_is_left_out() -> None:
    """Each has its test."""
    run = {"platform", "own", "shared", "curl", "key", "airflow", "postman", "proxy", "proxykey"}
    assert {name for language, name in BLOCKS if language == "sh"} == run
    others = {("cron", ""), ("powerquery", ""), ("toml", "frontend"), ("toml", "pages")}
    scripts = {("python", name) for name in ("requests", "pandas", "airflow")}
    assert BLOCKS.keys() == {("sh", name) for name in run} | others | scripts


def test_what_is_not_run_says_so() -> None:
    """Exactly the recipes without a block that runs their tool."""
    sections = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", PAGE, re.MULTILINE))
    told = {title for title, text in sections.items() if "**Not run here**" in text or "**Not run here.**" in text}
    assert told == {"Excel, Power Query, Power BI", "Tableau", "Grafana Infinity"}


def test_what_it_names_is_there() -> None:
    """Files that it links to, and the address of each section that it speaks of."""
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    sections = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in titles}
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, section = link.partition("#")
        assert (ROOT / "docs" / file).exists()
        assert file or section in sections


def test_the_codes_are_those_of_the_gateway() -> None:
    """No table sends anybody after what there is not."""
    told = {(code, status) for status, code in re.findall(r"(\d{3}) `(\w+)`", PAGE)}
    assert told
    assert told <= set(answers())


# --- curl and cron
def test_curl(stage: Stage) -> None:
    """The rows come."""
    assert stage.sh("curl") == ROWS


def test_curl_with_a_key(stage: Stage) -> None:
    """It is taken from the file; without, curl is refused."""
    assert stage.sh("key") == ROWS
    ran = stage.run("curl", "-fsS", "--max-time", "15", stage.here("http://127.0.0.1:8090/qb/query.csv"))
    assert (ran.returncode, ran.stdout) == (22, "")


def cron(stage: Stage) -> subprocess.CompletedProcess[str]:
    """Run the line of the crontab as cron does: by sh, with next to no environment."""
    line = stage.block("cron").strip()
    schedule, command = line.split(maxsplit=5)[:5], line.split(maxsplit=5)[5]
    assert schedule == ["*/15", "*", "*", "*", "*"]
    assert not re.search(r"(?<!\\)%", command)
    environ = {"HOME": str(stage.folder), "LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return stage.run("/bin/sh", "-c", command.replace("\\%", "%"), environ=environ)


def test_cron(stage: Stage) -> None:
    """The file is there, and nothing is said, so cron sends no mail."""
    ran = cron(stage)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (stage.folder / "sales.csv").read_text() == ROWS


@pytest.mark.parametrize(
    ("port", "said"), [("9902", "curl: (22) The requested URL returned error: 401"), ("5173", "curl: (7) ")]
)
def test_cron_when_something_fails(port: str, said: str, stage: Stage) -> None:
    """An error of whoever answers, or nobody there: it is said, and the file before stays."""
    (stage.folder / "sales.csv").write_text("yesterday's")
    elsewhere = Stage(stage.folder, {**stage.ports, "8080": stage.ports[port]})
    ran = cron(elsewhere)
    assert ran.returncode != 0
    assert ran.stderr.startswith(said)
    assert (stage.folder / "sales.csv").read_text() == "yesterday's"


# --- Excel
def asked(url: str, **fields: str) -> tuple[int, str, str]:
    """Return status, challenge and body of the answer to a GET."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=fields), timeout=30) as answer:  # noqa: S310  loopback
            return answer.status, "", answer.read().decode("utf-8")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers["WWW-Authenticate"] or "", refused.read().decode()


def test_the_requests_of_the_power_query(stage: Stage) -> None:
    """Anonymous gets the rows; where a key is needed the answer asks for Basic, and takes the key as its password."""
    query = BLOCKS["powerquery", ""]
    found = re.search(r'Web\.Contents\("(.+?)", \[RelativePath = "(.+?)", Query = \[(\w+) = "(.+?)"\]\]\)', query)
    assert found
    base, path, name, value = found.groups()
    delimiter = re.search(r'Delimiter = "(.)", Encoding = 65001', query)
    assert delimiter
    status, _, body = asked(stage.here(f"{base}/{path}?{name}={value}"))
    assert (status, len(body.splitlines())) == (200, int(value) + 1)
    assert [len(line.split(delimiter[1])) for line in body.splitlines()] == [3] * (int(value) + 1)
    keyed = stage.here(f"{base}/{path}?{name}={value}".replace("8080", "8090"))
    status, challenge, _ = asked(keyed)
    assert (status, challenge) == (401, 'Basic realm="iam-proxy", charset="UTF-8"')
    assert asked(keyed, Authorization=KEY_OF_EXCEL) == (200, "", body)
    field = re.search(r'Headers = \[#"(.+?)" = "(.+?)"\]', PAGE)
    assert field
    assert asked(keyed, **{field[1]: field[2]}) == (200, "", body)
    as_user = "Basic " + base64.b64encode(b"key-of-excel:").decode()
    assert asked(keyed, Authorization=as_user)[0] == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("gateway:8090", 200), ("host.docker.internal:8090", 200), ("gateway.example.com:8090", 421)],
)
def test_names_of_the_gateway(host: str, status: int, stage: Stage) -> None:
    """One without a dot, one that is listed, and one that is not."""
    url = stage.here("http://127.0.0.1:8090/qb/query")
    assert asked(url, Host=host, Authorization=KEY_OF_EXCEL)[0] == status


def test_https_in_front_of_the_gateways_address(stage: Stage) -> None:
    """A tool says what the page says that it says."""
    ran = stage.run("curl", "-q", "-sS", "--max-time", "15", stage.here("https://127.0.0.1:8080/qb/query"))
    assert ran.returncode == 35
    assert "wrong version number" in ran.stderr


# --- Python
def test_requests(stage: Stage) -> None:
    """Rows without a key, and an answer with one."""
    assert stage.succeed(sys.executable, "-c", stage.block("python", "requests")) == "4 rows\n200\n"


# --- Grafana
def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:  # noqa: ANN401  what a YAML file may hold
    """Return every value of a file with the name that it stands under; of lists the whole."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, key)]
    if name == "datasources":
        return [leaf for inner in value for leaf in leaves(inner)]
    return [(name, value)]


def test_the_data_source_of_grafana() -> None:
    """Every key is one that the plugin documents, of its type; key and address are those of the page."""
    text = (ROOT / "examples" / "grafana-infinity" / "datasource.yaml").read_text(encoding="utf-8")
    found = leaves(yaml.safe_load(text))
    assert all(isinstance(value, INFINITY[name]) for name, value in found)
    given = dict(found)
    assert (given["apiVersion"], given["type"]) == (1, "yesoreyeram-infinity-datasource")
    assert given["basicAuth"]
    assert given["auth_method"] == "basicAuth"
    assert given["basicAuthPassword"] == "$KEY_OF_GRAFANA"
    (host,) = given["allowedHosts"]
    assert f"`{host}`" in PAGE
    assert given["customHealthCheckUrl"].startswith(host)


# --- a front end
def configured(stage: Stage, folder: Path, name: str, more: str = "") -> str:
    """Write a configuration of the page for a gateway on a port of its own; return how to start it, with variables."""
    (folder / f"{name}.toml").write_text(stage.block("toml", name))
    variables = f"IAM_PROXY_LISTEN=127.0.0.1:{stage.ports['front end']} IAM_PROXY_ADMIN_LISTEN= {more}"
    return f"{variables} iam-proxy run --config {folder / name}.toml &\n"


def test_one_origin_for_page_and_api(stage: Stage, tmp_path: Path) -> None:
    """The page comes from the dev server, without a credential; what is below /api from the platform, with one."""
    (tmp_path / "index.html").write_text("<h1>the page</h1>")
    server = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory {tmp_path} {stage.ports['5173']} &\n"
    port = stage.ports["front end"]
    with stage.started(server + configured(stage, tmp_path, "frontend"), stage.ports["5173"], port):
        assert asked(f"http://127.0.0.1:{port}/") == (200, "", "<h1>the page</h1>")
        status, _, body = asked(f"http://127.0.0.1:{port}/api/echo/x", Origin=f"http://127.0.0.1:{port}")
    assert (status, json.loads(body)["target"]) == (200, "/echo/x")


def test_two_origins(stage: Stage, tmp_path: Path) -> None:
    """The page that is listed is answered, another is not."""
    port = stage.ports["front end"]
    with stage.started(configured(stage, tmp_path, "pages"), port):
        url = f"http://127.0.0.1:{port}/qb/query"
        assert asked(url, Origin=stage.here("http://localhost:5173"))[0] == 200
        status, _, body = asked(url, Origin=stage.here("http://127.0.0.1:5173"))
    assert (status, json.loads(body)["code"]) == (403, "cross_site")


def test_a_web_data_connector_with_a_password(stage: Stage, tmp_path: Path) -> None:
    """The page that Tableau shows may send the key as Basic; what it is told without it can be read."""
    port = stage.ports["front end"]
    gateway = configured(stage, tmp_path, "pages", "IAM_PROXY__ACCESS__CLIENT_KEY=key-of-tableau")
    page = stage.here("http://localhost:5173")
    basic = base64.b64encode(b"any:key-of-tableau").decode()
    with stage.started(gateway, port):
        url = f"http://127.0.0.1:{port}/qb/query"
        curl = ("curl", "-q", "-sS", "-i", "--max-time", "15", "-H", f"Origin: {page}")
        wanted = ("-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: authorization")
        asked_before = stage.succeed(*curl, "-X", "OPTIONS", *wanted, url)
        answered = stage.succeed(*curl, "-H", f"Authorization: Basic {basic}", url)
        refused = stage.succeed(*curl, url)
    assert "HTTP/1.1 204 " in asked_before
    assert "Access-Control-Allow-Headers: authorization" in asked_before
    assert "HTTP/1.1 200 " in answered
    assert "HTTP/1.1 401 " in refused
    assert all(f"Access-Control-Allow-Origin: {page}" in head for head in (asked_before, answered, refused))


# --- a proxy
def test_tools_that_only_know_a_proxy(stage: Stage) -> None:
    """curl and wget get the platform's answer from a name without an address; a key is the proxy's password."""
    assert stage.sh("proxy").count(ANSWER) == 2
    assert stage.sh("proxykey").count(ANSWER) == 1
