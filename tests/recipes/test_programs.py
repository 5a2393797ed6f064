"""The recipes of docs/recipes.md whose programs are large; `make test-long` installs them."""

import shutil
from pathlib import Path

import pytest

from tests.recipes.stage import ROOT, Stage

pytestmark = pytest.mark.long

PYTHON = ROOT / ".clients" / "bin" / "python"
NEWMAN = ROOT / "tests" / "platforms" / "newman" / "node_modules" / ".bin"
COLLECTION = ROOT / "examples" / "postman" / "gateway.postman_collection.json"


def test_pandas(stage: Stage) -> None:
    """A table of three rows, twice, and one of four."""
    printed = stage.succeed(PYTHON, "-c", stage.block("python", "pandas"))
    assert printed.count("row    region  sales") == 2
    assert printed.count("2    2  Brittany      2") == 2
    assert "3   Provence   1750" in printed


def test_pandas_without_a_key(stage: Stage) -> None:
    """It says what the page says that it says."""
    ran = stage.run(PYTHON, "-c", stage.block("python", "pandas").replace("key-of-pandas", "another"))
    assert ran.returncode == 1
    assert ran.stderr.endswith("urllib.error.HTTPError: HTTP Error 401: Unauthorized\n")


def airflow(stage: Stage, key: str = "key-of-airflow") -> tuple[int, str]:
    """Run Airflow's own hook with the connection of the page; return how it ended and what it printed."""
    export = stage.block("sh", "airflow").replace("key-of-airflow", key)
    script = stage.folder / "task.py"
    script.write_text(stage.block("python", "airflow"))
    environ = stage.environ(AIRFLOW_HOME=str(stage.folder / "airflow"), NO_COLOR="1")
    ran = stage.run("/bin/bash", "-eu", "-c", f"{export}exec {PYTHON} {script}", environ=environ)
    return ran.returncode, ran.stdout + ran.stderr


def test_airflow(stage: Stage) -> None:
    """Its connection has the key as password, and the hook gets the rows."""
    code, printed = airflow(stage)
    assert code == 0, printed
    assert "200 4 rows" in printed


def test_airflow_with_a_wrong_key(stage: Stage) -> None:
    """The hook raises, and says why."""
    code, printed = airflow(stage, "another")
    assert code == 1
    assert "401:Unauthorized" in printed


def test_postman(stage: Stage, tmp_path: Path) -> None:
    """newman runs the collection without a key and with one; each request has its tests."""
    shutil.copy(COLLECTION, tmp_path)
    environ = stage.environ()
    text = f'cd {tmp_path}\nPATH="{NEWMAN}:$PATH"\n{stage.block("sh", "postman")}'
    printed = stage.succeed("/bin/bash", "-eu", "-c", text, environ=environ)
    assert printed.count("✓  200") == 6
    assert printed.count("✓  ") == 12


def test_postman_with_a_wrong_key(stage: Stage, tmp_path: Path) -> None:
    """Its tests fail."""
    shutil.copy(COLLECTION, tmp_path)
    text = stage.block("sh", "postman").replace("key-of-postman", "another")
    ran = stage.run("/bin/bash", "-eu", "-c", f'cd {tmp_path}\nPATH="{NEWMAN}:$PATH"\n{text}', environ=stage.environ())
    assert ran.returncode == 1
    assert "expected response to have status code 200 but got 401" in ran.stdout
