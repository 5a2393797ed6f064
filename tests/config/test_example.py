"""The example file is complete, and the schema's own."""

from pathlib import Path

from proxy.config import load, schema
from proxy.config.example import example

FILE = Path(__file__).parent.parent.parent / "config.example.toml"


def test_the_file_is_what_the_schema_prints() -> None:
    """`make example` prints it anew."""
    assert FILE.read_text(encoding="utf-8") == example()


def test_every_key_occurs() -> None:
    """Nothing that can be written is left out."""
    kinds: dict[str, type[schema.Section]] = {
        **schema.SECTIONS,
        "credentials": schema.Credential,
        "routes": schema.Route,
    }
    text = example()
    for name, kind in kinds.items():
        part = text.partition(f"[{name}")[2]
        for key in kind.model_fields:
            assert f"\n{key} = " in part or f"\n# {key} = " in part, f"{name}.{key}"


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
