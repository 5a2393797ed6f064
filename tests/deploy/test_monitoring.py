"""The dashboard, the alerts and docs/monitoring.md, held against a running gateway and Prometheus' own tool."""

import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy import log
from proxy.config import load
from proxy.config.settings import Admin, Log
from proxy.core.address import TcpAddress, Upstream
from proxy.core.families import FAMILIES, Family
from proxy.log.writer import BOUND
from proxy.serve import gateway
from tests.fakes.origin import raw_origin
from tests.fakes.platform import Platform
from tests.test_app import ask, config
from tests.test_app_limits import admin_says
from tests.test_readme import ROOT, blocks_of, run, script

DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
ALERT_TESTS = (DEPLOY / "prometheus" / "alerts.test.yaml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "iam-proxy.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")

# What a scrape adds, and what a histogram has of its own.
SCRAPED, OF_HISTOGRAMS = {"job", "instance"}, ("_bucket", "_count", "_sum")
NAME = re.compile(r"\b(?:iam_proxy|process)_[a-z_]+\b")
LABELS = re.compile(r"\b(?:by|on) \(([^)]*)\)|\{([^}]*)\}")


def promtool(*words: str, given: str = "") -> str:
    """Run Prometheus' own tool; return what it prints. It has to find no fault."""
    done = subprocess.run(  # noqa: S603  the tool of the check
        ["promtool", *words],  # noqa: S607  likewise, by name
        cwd=DEPLOY / "prometheus",
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels that show something."""
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def shown() -> list[str]:
    """Return what the dashboard asks for, as Prometheus gets it."""
    exprs = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expr.replace("$__rate_interval", "5m").replace("$job", ".+").replace("$instance", ".+") for expr in exprs]


def ruled() -> list[str]:
    """Return what the alerts ask for."""
    found = re.findall(r"expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", ALERTS)
    return [block or line for block, line in found]


def families(expr: str) -> list[Family]:
    """Return the metrics that an expression names. A name that there is none of is a KeyError."""
    return [FAMILIES[name] for name in map(of_family, NAME.findall(expr))]


def of_family(name: str) -> str:
    """Return the metric that a series belongs to."""
    for ending in OF_HISTOGRAMS:
        if (base := name.removesuffix(ending)) in FAMILIES and FAMILIES[base].kind == "histogram":
            return base
    return name


async def scraped() -> str:
    """Return what a gateway tells after a conversation in which everything has happened once."""
    platform = Platform()
    async with raw_origin(platform.visit) as origin:
        base = config(origin.port)
        nowhere = replace(base.routes[0], path=b"/nowhere", upstream=Upstream("http", "127.0.0.1", 9), credential=None)
        settings = replace(base, routes=(*base.routes, nowhere), admin=Admin(TcpAddress("127.0.0.1", 0)))
        async with gateway(settings, log.configure(Log(), io.StringIO())) as (app, admin):
            assert isinstance(admin, TcpAddress)
            assert await ask(app) == 200
            platform.live.clear()
            assert await ask(app) == 200
            assert await ask(app, "/nowhere") == 502
            return (await admin_says(admin.port, "/metrics"))[1]


# --- what a gateway tells


async def test_metrics_are_as_prometheus_wants_them() -> None:
    """Names, units, help: its own tool finds nothing to say."""
    assert promtool("check", "metrics", given=await scraped()) == ""


async def test_every_metric_has_series_after_a_conversation() -> None:
    """Nothing is declared that never comes."""
    text = await scraped()
    named = {of_family(re.split(r"[ {]", line)[0]) for line in text.splitlines() if not line.startswith("#")}
    assert named == set(FAMILIES)


# --- alerts


def test_the_rules_are_valid() -> None:
    """Prometheus takes them."""
    assert f"SUCCESS: {len(ruled())} rules found" in promtool("check", "rules", "alerts.yaml")


def test_the_rules_do_what_they_are_for() -> None:
    """By the tests beside them, in which each alert fires, and does not."""
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yaml")
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(alerts) == len(ruled())
    assert set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", ALERT_TESTS)) == set(alerts)
    quiet = set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", ALERT_TESTS))
    assert quiet >= set(alerts) - {"IamProxyNoToken"}  # beside the credential without one are two that have theirs


def test_alerts_page_and_rules_have_the_same_names() -> None:
    """Whoever is woken up finds the alert on the page."""
    assert re.findall(r"^\| `(IamProxy\w+)`", PAGE, re.MULTILINE) == re.findall(r"- alert: (\w+)", ALERTS)


# --- what is asked for


@pytest.mark.parametrize("expr", [*ruled(), *shown()])
def test_only_what_there_is_is_asked_for(expr: str) -> None:
    """Every metric and every label of an expression exists."""
    known = {label for family in families(expr) for label in family.labels} | SCRAPED
    if any(family.kind == "histogram" for family in families(expr)):
        known.add("le")
    named = (grouped or matched for grouped, matched in LABELS.findall(expr))
    labels = {label for words in named for label in re.findall(r"([a-z_]+)(?=\s*(?:,|$|=|!))", words)}
    assert labels <= known
    assert families(expr) or expr.startswith("up")


def test_the_dashboard_asks_in_promql(tmp_path: Path) -> None:
    """Prometheus' own parser takes each expression."""
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(shown())]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(tmp_path / "rules.json"))


def test_the_dashboard_shows_every_metric() -> None:
    """None is collected for nothing."""
    assert {family.name for expr in shown() for family in families(expr)} == set(FAMILIES)


def test_the_dashboard_is_laid_out() -> None:
    """Each panel has a number, a title and a place of its own, and asks the source that was chosen."""
    numbers = Counter(panel["id"] for panel in DASHBOARD["panels"])
    assert set(numbers.values()) == {1}
    taken: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        taken.update((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))
        assert at["x"] + at["w"] <= 24
        assert panel["title"]
    assert set(taken.values()) == {1}
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())


# --- the page


def test_the_page_lists_every_metric_as_it_is() -> None:
    """Name, kind, labels and words: what a scrape shows."""
    rows = re.findall(r"^\| `((?:iam_proxy|process)_\w+)`.*$", PAGE, re.MULTILINE)
    assert rows == list(FAMILIES)
    for family in FAMILIES.values():
        assert row(family) in PAGE.splitlines()


def row(family: Family) -> str:
    """Return a metric's row in the table of the page."""
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.words} |"


def test_figures_that_the_page_names() -> None:
    """They are those of the code."""
    assert f"{BOUND // 1024 // 1024} MiB" in PAGE


def test_the_configuration_of_a_pod(tmp_path: Path) -> None:
    """It loads, beside a route."""
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    key = tmp_path / "admin-key"
    key.write_text("k3y\n")
    key.chmod(0o600)
    route = '[[routes]]\nupstream = "https://origin.example"\ncredential = "none"\n'
    (tmp_path / "iam-proxy.toml").write_text(found[1].replace("/run/secrets/admin-key", str(key)) + route)
    loaded = load(str(tmp_path / "iam-proxy.toml"), {})
    assert loaded.warnings == ()
    assert loaded.admin.listen == TcpAddress("0.0.0.0", 9901)
    assert loaded.admin.key is not None


def test_levels_are_changed_as_printed(tmp_path: Path) -> None:
    """The answer says how the log is written from now on."""
    printed = run(script("levels", blocks=blocks_of(PAGE)), tmp_path)
    assert '"level": "info"' in printed
    assert '"level": "debug"' in printed
    assert '"sample": 0.01' in printed
