"""Commands to calls, errors to exit codes; the only place that prints."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn

import click

from proxy import __version__, systemd
from proxy.config import again, load, parts
from proxy.config.settings import Config
from proxy.config.units import duration
from proxy.core.redact import defect
from proxy.errors import ConfigError, LoginError, StartError
from proxy.life import ignore_hangups
from proxy.life import run as run_loop
from proxy.process import no_core_dumps

# interface.md, "Commands".
FAILED, BAD_CONFIG = 1, 2
COLOURS = {"ok": "green", "failed": "red", "not tried": "yellow"}

CONFIG = click.option(
    "--config", metavar="FILE", help="Configuration (default: $IAM_PROXY_CONFIG, ./iam-proxy.toml, the environment)."
)


class Command(click.Command):
    """A command whose help ends with examples, laid out as they were written."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below everything else."""
        del ctx
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iam-proxy")
def main() -> None:
    """Log in for others: hold the keys, keep a token live, put it on every request that passes."""
    no_core_dumps()  # before any secret is read


@main.command(cls=Command, epilog="iam-proxy run\niam-proxy run --config gateway.toml --listen 127.0.0.1:9000")
@CONFIG
@click.option("--listen", metavar="HOST:PORT", help="Listen there instead; port 0 takes any free one.")
def run(config: str | None, listen: str | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs. SIGHUP and a change of the file reload."""
    ignore_hangups()
    told = systemd.taken(os.environ)
    extra = {} if listen is None else {"IAM_PROXY_LISTEN": listen}
    settings = configured(config, extra)
    finish(lambda: _run(settings, lambda: again(settings, {**os.environ, **extra}), told))


async def _run(settings: Config, reread: Callable[[], Config], told: Mapping[str, str]) -> int:
    from proxy import log, serve  # noqa: PLC0415  the other commands start sooner without

    output = log.configure(settings.log)
    try:
        return await serve.serve(settings, output, reread, told)
    finally:
        output.close()


@main.command(
    cls=Command, epilog="iam-proxy check --config gateway.toml\niam-proxy check --online\niam-proxy check --health"
)
@CONFIG
@click.option("--online", is_flag=True, help="Also try DNS, TLS, the logins and one request per route.")
@click.option("--health", is_flag=True, help="Ask the running gateway's /readyz instead.")
def check(config: str | None, online: bool, health: bool) -> None:  # noqa: FBT001  click's flags
    """Validate the configuration; every mistake is said at once."""
    settings = configured(config)
    if health:
        from proxy.probe import health as ask  # noqa: PLC0415  the other commands start sooner without

        finish(lambda: ask(settings, click.echo))
    for warning in settings.warnings:
        warn(warning)
    words = f"{count(len(settings.routes), 'route')}, {count(len(settings.credentials), 'credential')}"
    click.secho(f"{settings.source or 'the environment'}: {words}, no mistakes", fg="green")
    if online:
        from proxy.online import online as look  # noqa: PLC0415  the other commands start sooner without

        finish(lambda: look(settings, mark, slow, warn))


@main.command(cls=Command, epilog='iam-proxy token\ncurl -H "Authorization: Bearer $(iam-proxy token)" https://…')
@CONFIG
@click.argument("credential", required=False)
def token(config: str | None, credential: str | None) -> None:
    """Print a valid token, alone: from the shared store, else of a login."""
    settings = configured(config)
    names = list(settings.credentials)
    if credential is None and len(names) != 1:
        fail(f"which credential? This configuration has {', '.join(names) or 'none'}")
    name = credential or names[0]
    if name not in settings.credentials:
        fail(f"no credential {name!r}; this configuration has {', '.join(names) or 'none'}")
    from proxy.probe import token as obtained  # noqa: PLC0415  the other commands start sooner without

    finish(lambda: obtained(settings.credentials[name], settings.tokens.store, click.echo, warn))


@main.command(cls=Command, epilog="iam-proxy sandbox\niam-proxy sandbox --listen 127.0.0.1:9000 --ttl 30s")
@click.option("--listen", default="127.0.0.1:9902", metavar="HOST:PORT", show_default=True)
@click.option("--apikey", default="demo-key", show_default=True, help="The key that the login takes.")
@click.option("--secretkey", default="demo-secret", show_default=True, help="The secret that the login takes.")
@click.option("--ttl", default="1h", show_default=True, help="How long a token lives.")
def sandbox(listen: str, apikey: str, secretkey: str, ttl: str) -> None:
    """Run the bundled platform alone; faults are switched by PUT /_sandbox/faults while it runs."""
    from proxy import demo as scene  # noqa: PLC0415  the other commands start sooner without

    try:
        address, lifetime = parts.tcp_address(listen), duration(ttl)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    finish(lambda: scene.sandbox(scene.Choice(address, apikey, secretkey, lifetime), click.echo))


@main.command(cls=Command, epilog="iam-proxy demo\ncurl http://127.0.0.1:8080/qb/query")
def demo() -> None:
    """Run the bundled platform with a gateway in front of it; no keys, no network."""
    from proxy import demo as scene  # noqa: PLC0415  the other commands start sooner without

    finish(lambda: scene.demo(click.echo))


@main.command(
    "exec",
    cls=Command,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="iam-proxy exec -- sh -c 'curl $IAM_PROXY_URL/qb/query'\niam-proxy exec --config g.toml -- ./report.py",
)
@CONFIG
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(config: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a gateway of its own: at $IAM_PROXY_URL, and as http_proxy. Ends with its exit code."""
    finish(lambda: _execute(configured(config), command))


async def _execute(settings: Config, command: tuple[str, ...]) -> int:
    from proxy import execute, log  # noqa: PLC0415  the other commands start sooner without

    config = execute.alone(settings)
    output = log.configure(config.log)
    try:
        return await execute.execute(config, output, command, os.environ)
    finally:
        output.close()


# --- what commands share
def configured(path: str | None, extra: dict[str, str] | None = None) -> Config:
    """Return the configuration, or end with every mistake in it."""
    try:
        return load(path, {**os.environ, **(extra or {})})
    except ConfigError as error:
        refuse(error)
    except Exception as error:  # noqa: BLE001  as in finish
        fail(f"a defect of iam-proxy: {defect(error)}")


def refuse(error: ConfigError) -> NoReturn:
    """End with every mistake in the configuration."""
    for mistake in error.mistakes:
        click.secho(mistake, fg="red", err=True)
    sys.exit(BAD_CONFIG)


def finish(main_: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command's coroutine and end with its exit code, or with the one line that says what went wrong."""
    try:
        sys.exit(run_loop(main_()))
    except ConfigError as error:
        refuse(error)
    except StartError as error:
        fail(str(error), error.code)
    except LoginError as error:
        fail(f"{error.title}: {error.cause or error.detail}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001  a person gets a line, whatever happened
        fail(f"a defect of iam-proxy: {defect(error)}")


def warn(words: str) -> None:
    """Say on standard error what is not as it should be."""
    click.secho(f"warning: {words}", fg="yellow", err=True)


def mark(word: str, words: str) -> None:
    """Say what came of one look of a check."""
    click.echo(f"{click.style(f'{word:<9}', fg=COLOURS[word])} {words}")


def slow(what: str) -> None:
    """Say on standard error what is under way."""
    click.secho(f"…         {what}: no answer yet", dim=True, err=True)


def fail(words: str, code: int = FAILED) -> NoReturn:
    """End with one line on standard error."""
    click.secho(f"iam-proxy: {words}", fg="red", err=True)
    sys.exit(code)


def count(number: int, noun: str) -> str:
    """Return a number of things, in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
