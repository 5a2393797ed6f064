"""Commands to calls, errors to exit codes; the only place that prints.

What one command alone needs is loaded there, so that the others start sooner.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn

import click

from proxy import systemd
from proxy.config import again, load, parts
from proxy.config.settings import Config
from proxy.config.units import duration
from proxy.core.redact import defect
from proxy.errors import ConfigError, LoginError, StartError
from proxy.life import ignore_hangups
from proxy.life import run as run_loop

# interface.md, "Commands".
FAILED, BAD_CONFIG = 1, 2
COLOURS = {"ok": "green", "failed": "red", "not tried": "yellow"}


def run(config: str | None, listen: str | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs. SIGHUP and a change of the file reload."""
    ignore_hangups()
    told = systemd.taken(os.environ)
    extra = {} if listen is None else {"IAM_PROXY_LISTEN": listen}
    settings = configured(config, extra)
    finish(lambda: _run(settings, lambda: again(settings, {**os.environ, **extra}), told))


async def _run(settings: Config, reread: Callable[[], Config], told: Mapping[str, str]) -> int:
    from proxy import log, serve

    output = log.configure(settings.log)
    try:
        return await serve.serve(settings, output, reread, told)
    finally:
        output.close()


def check(config: str | None, *, online: bool, health: bool) -> None:
    """Validate the configuration; every mistake is said at once."""
    settings = configured(config)
    if health:
        from proxy.probe import health as ask

        finish(lambda: ask(settings, click.echo))
    for warning in settings.warnings:
        warn(warning)
    words = f"{count(len(settings.routes), 'route')}, {count(len(settings.credentials), 'credential')}"
    click.secho(f"{settings.source or 'the environment'}: {words}, no mistakes", fg="green")
    if online:
        from proxy.online import online as look

        finish(lambda: look(settings, mark, slow, warn))


def token(config: str | None, credential: str | None) -> None:
    """Print a valid token, alone: from the shared store, else of a login."""
    settings = configured(config)
    names = list(settings.credentials)
    if credential is None and len(names) != 1:
        fail(f"which credential? This configuration has {', '.join(names) or 'none'}")
    name = credential or names[0]
    if name not in settings.credentials:
        fail(f"no credential {name!r}; this configuration has {', '.join(names) or 'none'}")
    from proxy.probe import token as obtained

    finish(lambda: obtained(settings.credentials[name], settings.tokens.store, click.echo, warn))


def sandbox(listen: str, apikey: str, secretkey: str, ttl: str) -> None:
    """Run the bundled platform alone; faults are switched by PUT /_sandbox/faults while it runs."""
    from proxy import demo as scene

    try:
        address, lifetime = parts.tcp_address(listen), duration(ttl)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    finish(lambda: scene.sandbox(scene.Choice(address, apikey, secretkey, lifetime), click.echo))


def demo() -> None:
    """Run the bundled platform with a gateway in front of it; no keys, no network."""
    from proxy import demo as scene

    finish(lambda: scene.demo(click.echo))


def execute(config: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a gateway of its own: at $IAM_PROXY_URL, and as http_proxy. Ends with its exit code."""
    finish(lambda: _execute(configured(config), command))


async def _execute(settings: Config, command: tuple[str, ...]) -> int:
    from proxy import execute, log

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
