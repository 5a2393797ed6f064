"""The command line: what each command takes, and what it says of itself; `commands.py` has what it does.

What a command needs is loaded when it runs, so that help and completion are there at once.
"""

import gc

import click

from proxy import __version__
from proxy.completion import credentials, files, script
from proxy.process import no_core_dumps

# What is loaded at start stays, and looking for garbage in it again and again takes a quarter of the time that loading
# takes: the collector looks this seldom, in objects, until a gateway sets a rate of its own.
GC_AT_START = 100_000
WIDTH = 100

CONFIG = click.option(
    "--config",
    metavar="FILE",
    shell_complete=files,
    help="Configuration (default: $IAM_PROXY_CONFIG, ./iam-proxy.toml, the environment).",
)


class Command(click.Command):
    """A command whose help ends with examples, laid out as they were written."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below everything else."""
        examples(self, ctx, formatter)


class Commands(click.Group):
    """Commands, likewise."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below everything else."""
        examples(self, ctx, formatter)


def examples(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write a command's examples as they stand."""
    del ctx
    with formatter.section("Examples"):
        for line in (command.epilog or "").splitlines():
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    epilog="iam-proxy demo\niam-proxy init\niam-proxy run\niam-proxy COMMAND --help",
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
    """Print a valid token, alone: from the shared store, else of a login."""
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
    """Run COMMAND with a gateway of its own: at $IAM_PROXY_URL, and as http_proxy. Ends with its exit code."""
    from proxy import commands

    commands.execute(config, command)


@main.command(epilog="iam-proxy demo\ncurl http://127.0.0.1:8080/qb/query")
def demo() -> None:
    """Run the bundled platform with a gateway in front of it; no keys, no network."""
    from proxy import commands

    commands.demo()


@main.command(epilog="iam-proxy sandbox\niam-proxy sandbox --listen 127.0.0.1:9000 --ttl 30s")
@click.option("--listen", default="127.0.0.1:9902", metavar="HOST:PORT", show_default=True)
@click.option("--apikey", default="demo-key", show_default=True, help="The key that the login takes.")
@click.option("--secretkey", default="demo-secret", show_default=True, help="The secret that the login takes.")
@click.option("--ttl", default="1h", show_default=True, help="How long a token lives.")
def sandbox(listen: str, apikey: str, secretkey: str, ttl: str) -> None:
    """Run the bundled platform alone; faults are switched by PUT /_sandbox/faults while it runs."""
    from proxy import commands

    commands.sandbox(listen, apikey, secretkey, ttl)


@main.command(
    epilog='eval "$(iam-proxy completion bash)"\niam-proxy completion fish > ~/.config/fish/completions/iam-proxy.fish'
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what a shell needs to complete this program's commands, options, files and credentials."""
    click.echo(script(main, shell), nl=False)
