"""What `init` needs to know: from its options, else by questions at the terminal."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from proxy.config import parts
from proxy.config.first import Answers, Place
from proxy.config.secrets import looked_up
from proxy.errors import StartError

EXAMPLE = "https://my-project.eu.dataplatform.ovh.net"
# The keys, as people call them, and what the questions about them propose.
KEYS = {"apikey": "API key", "secretkey": "secret key"}
PROPOSED = {
    "env": {"apikey": "IAM_APIKEY", "secretkey": "IAM_SECRETKEY"},
    "file": {"apikey": "apikey", "secretkey": "secretkey"},
    "command": {"apikey": "pass show iam/apikey", "secretkey": "pass show iam/secretkey"},
}
ASKED = {"env": "Variable with the {}", "file": "File with the {}", "command": "Command that prints the {}"}
WHERE = """\
Where are the keys?
  typed    you type them now, and they stand in the file, which only you can read
  env      in variables of the environment
  file     in files of their own
  command  a command prints them, such as `pass show NAME` or `op read REFERENCE`"""

P = TypeVar("P", bound=Place)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; `places` by the options' names, `apikey` or `apikey_env`, without the absent ones."""

    upstream: str | None
    places: Mapping[str, str]
    inspector: bool = False


class Questions:
    """Completes options by questions; `folder` is where the file is to be, from which its paths begin.

    Where nobody can be `asked`, what is missing is an error, and so is an option that says nothing usable: StartError.
    """

    def __init__(self, options: Options, folder: Path, environ: Mapping[str, str], *, asked: bool) -> None:
        self._options = options
        self._folder = folder
        self._environ = environ
        self._asked = asked
        self._way: str | None = None

    def answers(self) -> Answers:
        """Return everything."""
        return Answers(self._upstream(), self._key("apikey"), self._key("secretkey"), self._options.inspector)

    def _upstream(self) -> str:
        given = self._options.upstream
        if given is not None:
            return usable("--upstream", given, url)
        self._can_ask("--upstream")
        return until_usable(f"The platform's URL, such as {EXAMPLE}", url)

    def _key(self, key: str) -> Place:
        """Return where a key is."""
        given = [name for name in (key, *(f"{key}_{way}" for way in ASKED)) if name in self._options.places]
        flags = [f"--{name.replace('_', '-')}" for name in given]
        if len(given) > 1:
            raise StartError(f"{' and '.join(flags)}: expected one of them")
        if given:
            way = given[0].removeprefix(key).removeprefix("_")
            return usable(flags[0], self._options.places[given[0]], partial(self._place, way))
        self._can_ask(f"--{key}-env, --{key}-file or --{key}-command")
        way, name = self._way_of_keys(), KEYS[key]
        if way == "typed":
            return until_usable(name[0].upper() + name[1:], partial(self._place, way), hidden=True)
        return until_usable(ASKED[way].format(name), partial(self._place, way), PROPOSED[way][key])

    def _way_of_keys(self) -> str:
        """Ask where the keys are, once."""
        if self._way is None:
            click.echo(WHERE, err=True)
            choice = click.Choice(("typed", *ASKED))
            self._way = str(click.prompt("Where", type=choice, default="typed", err=True))
        return self._way

    def _place(self, way: str, text: str) -> Place:
        """Return a place as the file writes it, after a look at the secret there. Raises ValueError.

        A path begins where one stands, also for a file elsewhere.
        """
        place: Place = utf8(text)
        match way:
            case "env":
                place = {"env": text}
            case "file":
                path = Path(text).expanduser()
                place = {"file": str(path if self._folder.resolve() == Path.cwd() else path.absolute())}
            case "command":
                place = {"command": shlex.split(text)}
        looked_up(place, self._folder, self._environ)
        return place

    def _can_ask(self, flag: str) -> None:
        if not self._asked:
            raise StartError(f"{flag} is missing, and this is no terminal to ask at")


def url(text: str) -> str:
    """Return a platform's URL. Raises ValueError."""
    parts.upstream(utf8(text))
    return text


def utf8(text: str) -> str:
    """Return a text that a file can hold. Raises ValueError for one with bytes that are no characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    return text


def usable(flag: str, text: str, read: Callable[[str], P]) -> P:
    """Return what an option says. Raises StartError."""
    try:
        return read(text)
    except ValueError as error:
        raise StartError(f"{flag}: {error}") from None


def until_usable(question: str, read: Callable[[str], P], proposed: str | None = None, *, hidden: bool = False) -> P:
    """Ask until the answer is of use."""
    while True:
        text = click.prompt(question, default=proposed, hide_input=hidden, err=True)
        try:
            return read(text)
        except ValueError as error:
            click.secho(f"  {error}", fg="yellow", err=True)
