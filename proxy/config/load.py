"""From a file and the environment to the configuration, or to every mistake in them."""

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import ValidationError

from proxy.config import proxies, schema
from proxy.config.build import Build, logging
from proxy.config.environment import nearest, overlay
from proxy.config.kinds import KINDS, Credential
from proxy.config.lines import Path, lines
from proxy.config.settings import Config, Log
from proxy.core.address import Address
from proxy.errors import ConfigError

DEFAULT_FILE = "iam-proxy.toml"
TABLES = (*schema.SECTIONS, "credentials", "routes")

# What pydantic's own checks find, in our words.
WORDS = {
    "missing": "missing",
    "bool_type": "is not a truth value; expected true or false",
    "string_type": "is not a text",
    "list_type": "is not a list",
    "dict_type": "is not a table",
    "model_type": "is not a table",
}

# What tomllib quotes of a file besides marks: names, which may be anything in a file that is not as it was meant.
_QUOTED = re.compile(r"\(.*\)|'.{3,}'|\".{4,}\"", re.DOTALL)

S = TypeVar("S", bound=schema.Section)


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration: of `path`, else of `$IAM_PROXY_CONFIG`, else of `./iam-proxy.toml` if it is there.

    The environment beats the file. Raises ConfigError with every mistake, in the order of the file's lines.
    """
    return Loading(found(path, environ), environ).config()


def found(path: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the file that is read: `path`, else `$IAM_PROXY_CONFIG`, else `./iam-proxy.toml` if it is there."""
    return path or environ.get("IAM_PROXY_CONFIG") or (DEFAULT_FILE if FilePath(DEFAULT_FILE).exists() else None)


def of_text(name: str, text: str, environ: Mapping[str, str]) -> Config:
    """Return the configuration that a file of this name would be with this text. Raises ConfigError."""
    return Loading(name, environ, text).config()


def admin_address(path: str | None, environ: Mapping[str, str]) -> Address | None:
    """Return where the admin listener is; nothing else is judged, and no secret read. Raises ConfigError."""
    loading = Loading(found(path, environ), environ)
    table = loading.raw.get("admin", {})
    listen = {key: value for key, value in table.items() if key == "listen"} if isinstance(table, dict) else table
    section = loading.section(schema.Admin, ("admin",), listen)
    loading.fail_if_mistaken()
    assert section is not None  # noqa: S101  without a mistake there is one
    return section.listen


def from_environment(environ: Mapping[str, str]) -> Config:
    """Return the configuration that these variables alone describe. Raises ConfigError."""
    return Loading(None, environ).config()


def changed_log(settings: Log, changes: Mapping[str, Any]) -> Log:
    """Return what `[log]` says with changes that are made while the gateway runs. Raises ConfigError."""
    try:
        return logging(schema.Log.model_validate({**asdict(settings), **changes}))
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_input=False)
        raise ConfigError([f"{dotted(flaw['loc'])}: {complaint(flaw, schema.Log)}" for flaw in flaws]) from None


def again(config: Config, environ: Mapping[str, str]) -> Config:
    """Return a configuration anew, from where it came. Raises ConfigError."""
    return from_environment(environ) if config.source is None else load(config.source, environ)


def read(name: str) -> str:
    """Return a file's text. Raises ConfigError."""
    try:
        return FilePath(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{name}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{name}: is not UTF-8, at byte {error.start}"]) from None


class Loading:
    """One attempt to load: what was read, where each key stands, and the mistakes found so far."""

    def __init__(self, name: str | None, environ: Mapping[str, str], text: str | None = None) -> None:
        self.name = name
        self.raw: dict[str, Any] = {}
        self.lines: dict[Path, int] = {}
        if name is not None:
            self._parse(name, read(name) if text is None else text)
        self.context: dict[str, Any] = {"folder": FilePath(name or ".").parent, "environ": environ}
        added = overlay(environ, self.raw)
        self.places = added.places
        self._mistakes: list[tuple[int, str]] = [(0, mistake) for mistake in added.mistakes]
        self.raw = copy.deepcopy(self.raw)
        for path, value in added.values.items():
            self._put(path, value)

    def _parse(self, name: str, text: str) -> None:
        try:
            self.raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            words, _, where = str(error).partition(" (at ")
            words = _QUOTED.sub("…", words)
            number = re.search(r"line (\d+)", where)
            line = number[1] if number else text.count("\n") + 1  # else it is the end of the document
            raise ConfigError([f"{name}:{line}: {words}"]) from None
        self.lines = lines(text)

    def _put(self, path: Path, value: object) -> None:
        """Set a value from the environment; a table on the way that is none is a mistake that validation finds."""
        here: Any = self.raw
        for step, following in zip(path, (*path[1:], None), strict=True):
            if isinstance(here, list) and not isinstance(step, int):
                self.mistake(path, "cannot be set by a variable; write it into a file")
                return
            if following is None:
                here[step] = value
            elif isinstance(step, int):
                while len(here) <= step:
                    here.append({})
                here = here[step]
            else:
                here = here.setdefault(step, [] if isinstance(following, int) else {})
            if not isinstance(here, (dict, list)):
                return

    # --- mistakes
    def mistake(self, path: Path, words: str) -> None:
        """Note a mistake at the key, or at the nearest table around it that has a place."""
        at = path
        while at and at not in self.lines and at not in self.places:
            at = at[:-1]
        if not at:  # a table that is there only because a variable names a key of it
            at = next((place for place in self.places if path and place[: len(path)] == path), ())
        line = self.lines.get(at, 0)
        where = self.places.get(at) or (f"{self.name}:{line}" if line else self.name or "the environment")
        text = f"{where}: {dotted(path)}: {words}" if path else f"{where}: {words}"
        self._mistakes.append((line, text))

    def fail_if_mistaken(self) -> None:
        """Raise ConfigError if anything was wrong."""
        if self._mistakes:
            ordered = sorted(self._mistakes, key=lambda mistake: mistake[0])
            raise ConfigError(list(dict.fromkeys(text for _, text in ordered)))

    # --- validation
    def config(self) -> Config:
        """Return the configuration. Raises ConfigError."""
        for name in self.raw.keys() - set(TABLES):
            self.mistake((name,), f"unknown table{nearest(name, TABLES)}")
        build = Build(
            sections={
                name: self.section(kind, (name,), self.raw.get(name, {})) for name, kind in schema.SECTIONS.items()
            },
            credentials=dict(self._credentials()),
            routes=list(self._routes()),
            mistake=self.mistake,
            folder=self.context["folder"],
            environment=proxies.environment(self.context["environ"]),
        )
        config = build.config(self.name)
        self.fail_if_mistaken()
        assert config is not None  # noqa: S101  without a mistake there is one
        return config

    def _credentials(self) -> Iterable[tuple[str, Credential | None]]:
        table = self.raw.get("credentials", {})
        if not isinstance(table, dict):
            self.mistake(("credentials",), "is not a table; expected [credentials.NAME]")
            return
        for name, value in table.items():
            yield name, self._credential(("credentials", name), value)

    def _credential(self, path: Path, value: object) -> Credential | None:
        name = value.get("kind", "apikey") if isinstance(value, dict) else "apikey"
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self.mistake((*path, "kind"), f"is unknown; expected {', '.join(map(repr, KINDS))}")
            return None
        return self.section(kind, path, value)

    def _routes(self) -> Iterable[schema.Route | None]:
        array = self.raw.get("routes", [])
        if not isinstance(array, list):
            self.mistake(("routes",), "is not an array of tables; expected [[routes]]")
            return
        for index, value in enumerate(array):
            yield self.section(schema.Route, ("routes", index), value)

    def section(self, kind: type[S], path: Path, value: object) -> S | None:
        """Return a table's values, or None after noting its mistakes."""
        if not isinstance(value, dict):
            self.mistake(path, "is not a table")
            return None
        try:
            return kind.model_validate(value, context=self.context)
        except ValidationError as error:
            for flaw in error.errors(include_url=False, include_input=False):
                self.mistake((*path, *flaw["loc"]), complaint(flaw, kind))
            return None


def complaint(flaw: Mapping[str, Any], kind: type[schema.Section]) -> str:
    """Return what is wrong, in words; never with a value that the schema's own checks did not choose to show."""
    if flaw["type"] == "extra_forbidden":
        return unknown(flaw["loc"], kind)
    if flaw["type"] == "value_error":
        return str(flaw["ctx"]["error"])
    return WORDS.get(flaw["type"], str(flaw["msg"]))


def unknown(path: Path, kind: type[schema.Section]) -> str:
    """Return what to say of a key that a table does not have: it belongs elsewhere, or is misspelt."""
    key = str(path[-1])
    owners = [f'"{name}"' for name, other in KINDS.items() if key in schema.keys(other)]
    if issubclass(kind, Credential) and len(path) == 1 and owners:
        own = next(name for name, other in KINDS.items() if other is kind)
        return f'belongs to kind {" or ".join(owners)}; this is of kind "{own}"'
    return f"unknown key{nearest(key, schema.keys(schema.table_at(kind, path[:-1])))}"


def dotted(path: Path) -> str:
    """Return a path as one writes it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
