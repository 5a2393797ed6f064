"""What the environment says: enough for one platform, and any key besides (interface.md, "Environment")."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.config.lines import Path

PREFIX, ANY_KEY = "IAM_PROXY_", "IAM_PROXY__"
NAME = "default"  # of the credential that the environment alone describes
# What is read elsewhere, or set for the programs that `exec` starts.
OTHERS = frozenset(("IAM_PROXY_CONFIG", "IAM_PROXY_URL"))
# Single variables, and the key that each stands for.
SINGLE: dict[str, Path] = {
    "IAM_PROXY_UPSTREAM": ("routes", 0, "upstream"),
    "IAM_PROXY_LOGIN_URL": ("credentials", NAME, "login_url"),
    "IAM_PROXY_LISTEN": ("server", "listen"),
    "IAM_PROXY_ADMIN_LISTEN": ("admin", "listen"),
}
KEYS: dict[str, Path] = {
    "IAM_PROXY_APIKEY": ("credentials", NAME, "apikey"),
    "IAM_PROXY_SECRETKEY": ("credentials", NAME, "secretkey"),
}
KNOWN = (*SINGLE, *KEYS, *(f"{name}_FILE" for name in KEYS), *OTHERS)


@dataclass
class Overlay:
    """Values by their path, the variable that each comes from, and what is wrong with the variables themselves."""

    values: dict[Path, Any] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)

    def set(self, path: Path, value: object, variable: str) -> None:
        """Enter a value."""
        self.values[path] = value
        self.places[path] = variable


def overlay(environ: Mapping[str, str], raw: Mapping[str, Any]) -> Overlay:
    """Return what the environment adds to the file's `raw` tables, and beats in them."""
    found = Overlay()
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        if variable.startswith(ANY_KEY):
            found.set(named(variable, raw), value_of(environ[variable]), variable)
        elif variable in SINGLE:
            found.set(SINGLE[variable], environ[variable], variable)
        elif variable not in KNOWN:
            found.mistakes.append(f"{variable}: unknown variable{nearest(variable, KNOWN)}")
    for variable, path in KEYS.items():
        _key(found, environ, variable, path)
    if "IAM_PROXY_UPSTREAM" in environ:
        _complete(found, raw)
    elif any(path[:2] == ("credentials", NAME) for path in found.values) and NAME not in raw.get("credentials", {}):
        found.mistakes.append("IAM_PROXY_UPSTREAM: missing; keys without a platform to use them at")
    return found


def _key(found: Overlay, environ: Mapping[str, str], variable: str, path: Path) -> None:
    file = f"{variable}_FILE"
    if variable in environ and file in environ:
        found.mistakes.append(f"{variable}: {file} is set as well; expected one of the two")
    elif variable in environ:
        found.set(path, {"env": variable}, variable)
    elif file in environ:
        found.set(path, {"file": environ[file]}, file)


def _complete(found: Overlay, raw: Mapping[str, Any]) -> None:
    if raw.get("routes"):
        found.mistakes.append("IAM_PROXY_UPSTREAM: the file has [[routes]] as well; expected one of the two")
        del found.values[SINGLE["IAM_PROXY_UPSTREAM"]]
        return
    elsewhere = NAME in raw.get("credentials", {}) or ("credentials", NAME, "kind") in found.values
    for variable, path in KEYS.items():
        if path not in found.values and not elsewhere:
            found.mistakes.append(f"{variable}: missing; expected the key, or {variable}_FILE with its path")
    found.set(("routes", 0, "credential"), NAME, "IAM_PROXY_UPSTREAM")


def named(variable: str, raw: Mapping[str, Any]) -> Path:
    """Return the path of `IAM_PROXY__SECTION__KEY`; a credential's name is found in whatever case the file has it."""
    parts = [part.lower() for part in variable.removeprefix(ANY_KEY).split("__")]
    if parts[0] == "credentials" and len(parts) > 1:
        names = {str(name).lower(): str(name) for name in raw.get("credentials", {})}
        parts[1] = names.get(parts[1], parts[1])
    return tuple(parts)


def value_of(text: str) -> object:
    """Return a variable's value: TOML if it is that, else the text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def nearest(name: str, known: Any) -> str:  # noqa: ANN401  any names
    """Return a suggestion for a misspelt name, as the end of a sentence."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
