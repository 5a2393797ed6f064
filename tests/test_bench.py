"""What the measurement says of the gateway that it measures: whose code it is, and how its Python was built."""

import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
sys.path.append(str(CHECKOUT / "bench"))
from shipped import built, mistake, said  # noqa: E402  scripts, no package

KEPT = {"PGO_PROF_USE_FLAG": "-fprofile-use -fprofile-correction"}  # what configure leaves in every build by GCC


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (KEPT | {"CONFIG_ARGS": "'--enable-shared'"}, "PGO: no, LTO: no"),
        (KEPT | {"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, "PGO: yes, LTO: yes"),
        (KEPT | {"PY_CFLAGS_NODIST": "-std=c11 -fprofile-use -fprofile-correction"}, "PGO: yes, LTO: no"),
        (KEPT | {"PY_CFLAGS_NODIST": "-fprofile-instr-use=code.profclangd"}, "PGO: yes, LTO: no"),
        (KEPT | {"PY_LDFLAGS_NODIST": "-flto=auto -g"}, "PGO: no, LTO: yes"),
        ({"CONFIG_ARGS": "'--enable-shared'", "PGO_PROF_USE_FLAG": ""}, "PGO: not told, LTO: not told"),
        ({"CONFIG_ARGS": None}, "PGO: not told, LTO: not told"),
    ],
)
def test_build(facts: dict[str, object], told: str) -> None:
    """What a Python's sysconfig shows is told; where its flags were taken out, that is said."""
    assert built(facts) == told


def installed(home: Path, package: Path) -> Path:
    """Make an environment that has a program and a copy of a package; return where that copy is."""
    venv.create(home, symlinks=True)
    (home / "bin" / "iam-proxy").touch()
    there = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home)})) / "proxy"
    shutil.copytree(package, there)
    return there


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a package of two files."""
    (tmp_path / "checkout" / "proxy" / "page").mkdir(parents=True)
    (tmp_path / "checkout" / "proxy" / "__init__.py").write_text("ONE = 1\n")
    (tmp_path / "checkout" / "proxy" / "page" / "page.css").write_text("body {}\n")
    return tmp_path / "checkout"


def test_not_installed(tmp_path: Path, checkout: Path) -> None:
    """Where nothing is installed nothing is measured."""
    assert mistake(tmp_path / "home", checkout) == f"no gateway is installed in {tmp_path / 'home'}"


def test_installed_and_not_the_checkout(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports the installed package, though it is started within the checkout and PYTHONPATH names it."""
    package = installed(tmp_path / "home", checkout / "proxy")
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    found = said(tmp_path / "home" / "bin" / "python", "import proxy; print(proxy.__file__)")
    assert Path(found) == package / "__init__.py"
    assert mistake(tmp_path / "home", checkout) is None


def test_old_build(tmp_path: Path, checkout: Path) -> None:
    """An installed package that differs from the checkout in one byte, or by one file, is not measured."""
    wrong = f"the gateway in {tmp_path / 'home'} is not that of {checkout}"
    installed(tmp_path / "home", checkout / "proxy")
    (checkout / "proxy" / "page" / "page.css").write_text("body{}\n")
    assert mistake(tmp_path / "home", checkout) == wrong
    (checkout / "proxy" / "page" / "page.css").write_text("body {}\n")
    assert mistake(tmp_path / "home", checkout) is None
    (checkout / "proxy" / "new.py").touch()
    assert mistake(tmp_path / "home", checkout) == wrong


def test_editable(tmp_path: Path, checkout: Path) -> None:
    """An environment that only points to the checkout is not measured."""
    package = installed(tmp_path / "home", checkout / "proxy")
    shutil.rmtree(package)
    package.with_name("checkout.pth").write_text(f"{checkout}\n")
    assert mistake(tmp_path / "home", checkout) == f"the gateway in {tmp_path / 'home'} imports {checkout / 'proxy'}"
