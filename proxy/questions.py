"""What `init` needs to know: from its options, else by questions at the terminal."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
        url = self._options.upstream
        if url is not None:
            return usable("--upstream", url, parts.upstream)
        self._can_ask("--upstream")
        return self._until_usable(f"The platform's URL, such as {EXAMPLE}", str, parts.upstream)

    def _key(self, key: str) -> Place:
        """Return where a key is."""
        given = [name for name in (key, *(f"{key}_{way}" for way in ASKED)) if name in self._options.places]
        flags = [f"--{name.replace('_', '-')}" for name in given]
        if len(given) > 1:
            raise StartError(f"{' and '.join(flags)}: expected one of them")
        if given:
            way = given[0].removeprefix(key).removeprefix("_")
            return usable(flags[0], self._place(way, self._options.places[given[0]]), self._look)
        self._can_ask(f"--{key}-env, --{key}-file or --{key}-command")
        way, name = self._way_of_keys(), KEYS[key]
        if way == "typed":
            return self._until_usable(name[0].upper() + name[1:], str, self._look, hidden=True)
        question = ASKED[way].format(name)
        return self._until_usable(question, lambda text: self._place(way, text), self._look, PROPOSED[way][key])

    def _way_of_keys(self) -> str:
        """Ask where the keys are, once."""
        if self._way is None:
            click.echo(WHERE, err=True)
            choice = click.Choice(("typed", *ASKED))
            self._way = str(click.prompt("Where", type=choice, default="typed", err=True))
        return self._way

    def _place(self, way: str, text: str) -> Place:
        """Return a place as the file writes it; a path is what it is here, also in a file elsewhere."""
        match way:
            case "env":
                return {"env": text}
            case "file":
                path = Path(text).expanduser()
                return {"file": str(path if self._folder.resolve() == Path.cwd() else path.absolute())}
            case "command":
                return {"command": shlex.split(text)}
        return text

    def _look(self, place: Place) -> None:
        """See that there is a secret. Raises ValueError."""
        looked_up(place, self._folder, self._environ)

    def _can_ask(self, flag: str) -> None:
        if not self._asked:
            raise StartError(f"{flag} is missing, and this is no terminal to ask at")

    def _until_usable(
        self,
        question: str,
        read: Callable[[str], P],
        check: Callable[[P], object],
        proposed: str | None = None,
        *,
        hidden: bool = False,
    ) -> P:
        """Ask until the answer is of use."""
        while True:
            text = click.prompt(question, default=proposed, hide_input=hidden, err=True)
            try:
                answer = read(text)
                check(answer)
            except ValueError as error:
                click.secho(f"  {error}", fg="yellow", err=True)
            else:
                return answer


def usable(flag: str, value: P, check: Callable[[P], object]) -> P:
    """Return what an option says. Raises StartError."""
    try:
        check(value)
    except ValueError as error:
        raise StartError(f"{flag}: {error}") from None
    return value
