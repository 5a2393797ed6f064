"""Commands to calls, errors to exit codes; the only place that prints.

What one command alone needs is loaded there, so that the others start sooner.
"""

import asyncio
import gc
import os
import shlex
import sys
import webbrowser
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from proxy import systemd
from proxy.config import again, load, parts
from proxy.config.first import first
from proxy.config.load import DEFAULT_FILE, admin_address, of_text
from proxy.config.settings import Config
from proxy.config.units import duration
from proxy.core.redact import defect
from proxy.errors import ConfigError, LoginError, StartError
from proxy.life import ignore_hangups
from proxy.life import run as run_loop
from proxy.private import write_private
from proxy.questions import Options, Questions

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


def init(config: str | None, options: Options, *, force: bool) -> None:
    """Write a first configuration, and see whether its keys are taken."""
    path = Path(config or os.environ.get("IAM_PROXY_CONFIG") or DEFAULT_FILE)
    if path.exists() and not force:
        fail(f"{path} is there already; --force writes over it, --config FILE writes another")
    try:
        answers = Questions(options, path.parent, os.environ, asked=sys.stdin.isatty()).answers()
        text = first(answers)
        settings = of_text(str(path), text, os.environ)
        write_private(path, text, force=force)
    except StartError as error:
        fail(f"{error}; nothing was written")
    except ConfigError as error:
        say_mistakes(error)
        fail("nothing was written")
    except click.Abort:
        raise
    except Exception as error:  # noqa: BLE001  as in finish
        fail(f"a defect of iam-proxy: {defect(error)}; nothing was written")
    click.secho(f"{path}: written, and only you can read it", fg="green")
    for warning in settings.warnings:
        warn(warning)
    finish(lambda: _tried(settings, "" if config is None else f" --config {shlex.quote(config)}"))


async def _tried(settings: Config, option: str) -> int:
    """Log in by a configuration that was just written, and say what is next."""
    from proxy.online import online

    code = await online(settings, mark, slow, warn, routes=False)
    if code:
        warn(f"{settings.source} stays as it was written; correct it, and try: iam-proxy check --online{option}")
    else:
        click.echo(f"Next: iam-proxy run{option}")
    return code


def open_page(config: str | None) -> None:
    """Open the inspector of the running gateway."""
    from proxy.probe import page

    try:
        address = admin_address(config, os.environ)
    except ConfigError as error:
        refuse(error)
    finish(lambda: _opened(page(address)))


async def _opened(page: Coroutine[Any, Any, str]) -> int:
    """Open a page in the browser, which `BROWSER` may name; its address is printed for where there is none."""
    where = await page
    click.echo(where)
    if not await asyncio.to_thread(webbrowser.open, where):
        raise StartError("no browser could be started; open the address by hand")
    return 0


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
    say_mistakes(error)
    sys.exit(BAD_CONFIG)


def say_mistakes(error: ConfigError) -> None:
    """Say every mistake in the configuration."""
    for mistake in error.mistakes:
        click.secho(mistake, fg="red", err=True)


def finish(main_: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command's coroutine and end with its exit code, or with the one line that says what went wrong."""
    try:
        code = run_loop(main_())
        gc.freeze()  # the collector need not look at all this once more, for the process ends
        sys.exit(code)
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
