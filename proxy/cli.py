"""The command line: what each command takes, and what it says of itself; `commands.py` has what it does.

What a command needs is loaded when it runs, so that help and completion are there at once.
"""

import gc
from collections.abc import Callable
from typing import TypeVar

import click

from proxy import __version__
from proxy.completion import SHELLS, credentials, files, script
from proxy.process import no_core_dumps

# What is loaded at start stays, and looking for garbage in it again and again takes a quarter of the time that loading
# takes: the collector looks this seldom, in objects, until a gateway sets a rate of its own.
GC_AT_START = 100_000
WIDTH = 100
SEEN = "Others see it in the list of processes, and the shell's history keeps it; prefer one of the next three."
# The keys of a platform, as people call them.
KEYS = {"apikey": "API key", "secretkey": "secret key"}

F = TypeVar("F", bound=Callable[..., None])

CONFIG = click.option(
    "--config",
    metavar="FILE",
    shell_complete=files,
    help="Configuration (default: $IAM_PROXY_CONFIG, ./iam-proxy.toml, the environment).",
)


class WithExamples(click.Command):
    """A command whose help ends with examples, laid out as they were written."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below everything else."""
        del ctx
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Commands(WithExamples, click.Group):
    """Commands, in the order in which they are defined."""

    command_class = WithExamples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return list(self.commands)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    epilog="iam-proxy demo\niam-proxy init\niam-proxy run\niam-proxy exec --help",
)
@click.version_option(__version__, prog_name="iam-proxy")
def main() -> None:
    """Log in for others: hold the keys, keep a token live, put it on every request that passes."""
    no_core_dumps()  # before any secret is read
    gc.set_threshold(GC_AT_START)


@main.command(epilog="iam-proxy run\niam-proxy run --config gateway.toml --listen 127.0.0.1:9000")
@CONFIG
@click.option("--listen", metavar="HOST:PORT", help="Listen there instead; port 0 takes any free one.")
def run(config: str | None, listen: str | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs. SIGHUP and a change of the file reload."""
    from proxy import commands

    commands.run(config, listen)


@main.command(epilog="iam-proxy check --config gateway.toml\niam-proxy check --online\niam-proxy check --health")
@CONFIG
@click.option("--online", is_flag=True, help="Also try DNS, TLS, the logins and one request per route.")
@click.option("--health", is_flag=True, help="Ask the running gateway's /readyz instead.")
def check(config: str | None, online: bool, health: bool) -> None:  # noqa: FBT001  click's flags
    """Validate the configuration; every mistake is said at once."""
    from proxy import commands

    commands.check(config, online=online, health=health)


@main.command(epilog='iam-proxy token\ncurl -H "Authorization: Bearer $(iam-proxy token)" https://…')
@CONFIG
@click.argument("credential", required=False, shell_complete=credentials)
def token(config: str | None, credential: str | None) -> None:
    """Print a valid token, alone. It comes from the shared store, else from a login."""
    from proxy import commands

    commands.token(config, credential)


@main.command(
    "exec",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="iam-proxy exec -- sh -c 'curl $IAM_PROXY_URL/qb/query'\niam-proxy exec --config g.toml -- ./report.py",
)
@CONFIG
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=files)
def execute(config: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a gateway of its own. It is at $IAM_PROXY_URL and as http_proxy, and ends with COMMAND.

    The exit code is COMMAND's; it gets none of the secrets.
    """
    from proxy import commands

    commands.execute(config, command)


def key_options(command: F) -> F:
    """Add the options that say where a key is, for each of the keys."""
    for name, words in reversed(KEYS.items()):
        for option in (
            click.option(f"--{name}-command", metavar="COMMAND", help=f"A command that prints the {words}."),
            click.option(f"--{name}-file", metavar="PATH", shell_complete=files, help=f"A file with the {words}."),
            click.option(f"--{name}-env", metavar="NAME", help=f"The variable of the environment with the {words}."),
            click.option(f"--{name}", metavar="VALUE", help=f"The {words} itself. {SEEN}"),
        ):
            command = option(command)
    return command


@main.command(
    epilog="iam-proxy init\n"
    "iam-proxy init --upstream https://my-project.eu.dataplatform.ovh.net --apikey-env IAM_APIKEY \\\n"
    "  --secretkey-command 'pass show iam/secretkey'"
)
@click.option(
    "--config",
    metavar="FILE",
    shell_complete=files,
    help="The file to write (default: $IAM_PROXY_CONFIG, ./iam-proxy.toml).",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--upstream", metavar="URL", help="The platform's URL.")
@key_options
@click.option("--inspector", is_flag=True, help="Turn the page on that shows what passes.")
def init(config: str | None, force: bool, upstream: str | None, inspector: bool, **places: str | None) -> None:  # noqa: FBT001  click's flags
    """Write a first configuration and test the login.

    What no option says is asked for at the terminal. The file can be read by you alone (mode 0600); it stays where the
    login fails, to be corrected. It has keys of the platform; for other kinds of login see config.example.toml.
    """
    from proxy import commands
    from proxy.questions import Options

    given = {name: value for name, value in places.items() if value is not None}
    commands.init(config, Options(upstream, given, inspector), force=force)


@main.command("open", epilog="iam-proxy open\nBROWSER=firefox iam-proxy open --config gateway.toml")
@CONFIG
def open_page(config: str | None) -> None:
    """Open the inspector of the running gateway in the browser."""
    from proxy import commands

    commands.open_page(config)


@main.command(epilog="iam-proxy demo\ncurl http://127.0.0.1:8080/qb/query")
def demo() -> None:
    """Run a platform and a gateway to try; no keys, no network."""
    from proxy import commands

    commands.demo()


@main.command(epilog="iam-proxy sandbox\niam-proxy sandbox --listen 127.0.0.1:9000 --ttl 30s")
@click.option("--listen", default="127.0.0.1:9902", metavar="HOST:PORT", show_default=True, help="Listen there.")
@click.option("--apikey", default="demo-key", show_default=True, help="The key that the login takes.")
@click.option("--secretkey", default="demo-secret", show_default=True, help="The secret that the login takes.")
@click.option("--ttl", default="1h", show_default=True, help="How long a token lives.")
def sandbox(listen: str, apikey: str, secretkey: str, ttl: str) -> None:
    """Run the bundled platform alone. Faults are switched by PUT /_sandbox/faults while it runs."""
    from proxy import commands

    commands.sandbox(listen, apikey, secretkey, ttl)


@main.command(epilog='eval "$(iam-proxy completion bash)"\niam-proxy completion fish | source')
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete this program. Put the first example into ~/.bashrc, or ~/.zshrc with zsh."""
    click.echo(script(main, shell), nl=False)
