"""The example file is complete, and the schema's own."""

from pathlib import Path

import pytest

from proxy.config import load, schema
from proxy.config.example import OTHERS, example, other, own
from proxy.config.kinds import KINDS

FILE = Path(__file__).parent.parent.parent / "config.example.toml"


def test_the_file_is_what_the_schema_prints() -> None:
    """`make example` prints it anew."""
    assert FILE.read_text(encoding="utf-8") == example()


def test_every_key_occurs() -> None:
    """Nothing that can be written is left out."""
    text = example()
    tables = {**schema.SECTIONS, "credentials.main": KINDS["apikey"], "routes": schema.Route}
    tables |= {f"credentials.{title}": KINDS[kind] for kind, (title, _) in OTHERS.items()}
    for name, table in tables.items():
        part = text.partition(f"[{name}]")[2].partition("\n\n")[0]
        known = schema.keys(table) if not part.startswith("\n#") else own(table)  # type: ignore[arg-type]  # a kind
        for key in known:
            assert f"\n{key} = " in part or f"\n# {key} = " in part, f"{name}.{key}"


@pytest.mark.parametrize("kind", OTHERS)
def test_each_kind_loads(kind: str, tmp_path: Path) -> None:
    """What stands as a comment works without the marks; nothing of it is unknown or missing."""
    lines = other(kind).partition("\n# [")[2].splitlines(keepends=True)
    text = "[" + "".join(line.removeprefix("# ") for line in lines)
    file = tmp_path / "iam-proxy.toml"
    file.write_text(f'{text}\n[[routes]]\nupstream = "https://origin.example"\n')
    config = load(str(file), {"CLIENT_SECRET": "s", "PASSWORD": "p", "TOKEN": "t"})
    assert list(config.credentials) == [OTHERS[kind][0]]


def test_it_loads(tmp_path: Path) -> None:
    """With its two secrets in place it is a working configuration, without a warning."""
    secret = tmp_path / "secretkey"
    secret.write_text("secret")
    secret.chmod(0o600)
    file = tmp_path / "iam-proxy.toml"
    file.write_text(example().replace("/run/secrets/secretkey", str(secret)))
    config = load(str(file), {"IAM_APIKEY": "key"})
    assert config.warnings == ()
    assert config == load(str(file), {"IAM_APIKEY": "key"})
