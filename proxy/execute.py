"""A command with a gateway of its own, for as long as it runs."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from proxy.app import App
from proxy.config.secrets import Variable
from proxy.config.settings import Config, Tokens
from proxy.core.address import TcpAddress, url
from proxy.core.needles import too_short
from proxy.core.secret import Secret
from proxy.errors import StartError
from proxy.log import Output
from proxy.process import FilesAsBefore
from proxy.serve import gateway

# What is passed on to the command; a terminal sends its interrupt to both of us.
FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGINT")
# What shells return for a command that is not there, or cannot be executed (POSIX, "Exit Status for Commands").
NOT_FOUND, NOT_EXECUTABLE = 127, 126
# And for one that a signal has ended.
BY_SIGNAL = 128
LOCAL = "localhost,127.0.0.1,::1"
# User and password in the URL of a proxy, up to the last @: a password may hold others. The scheme may be missing.
WAY_IN = re.compile(r"^(\w[\w+.-]*://)?.*@", re.DOTALL)


async def execute(config: Config, output: Output, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command behind a gateway, which is `alone`, once that has its tokens; return the command's exit code.

    Raises StartError, and LoginError where a credential gives no token.
    """
    files = FilesAsBefore()
    async with gateway(config, output) as (app, _):
        for source in app.sources.values():
            await source.token()
        hidden = [secret for source in app.sources.values() for secret in source.hidden]
        left_out = {name for name in environ if name.startswith("IAM_PROXY")} | set(variables(config))
        environment = inherited(environ, left_out, hidden) | told(app, environ)
        signals = Signals()
        with files:
            process = await started(command, environment)
        signals.to(process)
        code = await process.wait()
    return code if code >= 0 else BY_SIGNAL - code


def alone(config: Config) -> Config:
    """Return a configuration for a gateway of one command: a free port of this machine, and a log that says little."""
    server = replace(config.server, listen=(TcpAddress("127.0.0.1", 0),), tls=None, workers=1)
    quiet = replace(config.log, level="warning", access=False)  # the terminal is the command's
    admin = replace(config.admin, listen=None, inspector=False)
    return replace(config, server=server, admin=admin, tokens=Tokens(config.tokens.store), log=quiet)


def told(app: App, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that lead a command to a gateway; what is on this machine it asks directly."""
    where = url(app.addresses[0])
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy"), where)
    direct = ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), LOCAL)))
    return {"IAM_PROXY_URL": where, **proxies, "NO_PROXY": direct, "no_proxy": direct}


def inherited(environ: Mapping[str, str], left_out: Iterable[str], hidden: Iterable[Secret]) -> dict[str, str]:
    """Return what a command gets of our environment: no variable that secrets come from, and none that tells one.

    Those of forward proxies it gets without user and password, which are for the gateway.
    """
    secrets = [secret.reveal() for secret in hidden if not too_short(secret)]
    names = set(left_out)
    return {
        name: WAY_IN.sub(r"\1", value) if name.lower().endswith("_proxy") else value
        for name, value in environ.items()
        if name not in names and not any(secret in value for secret in secrets)
    }


def variables(value: object) -> Iterator[str]:
    """Yield the names of the environment's variables that secrets of a configuration come from."""
    if isinstance(value, Variable):
        yield value.name
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from variables(each)
    elif isinstance(value, (tuple, list, frozenset)):
        for each in value:
            yield from variables(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from variables(getattr(value, each.name))


async def started(command: Sequence[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a command. Raises StartError, with the code that a shell would return."""
    try:
        return await asyncio.create_subprocess_exec(*command, env=environment)
    except FileNotFoundError:
        raise StartError(f"{command[0]}: no such command", NOT_FOUND) from None
    except OSError as error:
        raise StartError(f"{command[0]}: {error.strerror}", NOT_EXECUTABLE) from None


class Signals:
    """Passes signals on to a command; those that come before there is one wait for it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: list[signal.Signals] = []
        loop = asyncio.get_running_loop()
        for name in FORWARDED:
            number = getattr(signal, name, None)
            if number is not None:
                with contextlib.suppress(NotImplementedError):  # Windows
                    loop.add_signal_handler(number, self._pass_on, number)

    def to(self, process: asyncio.subprocess.Process) -> None:
        """Pass on from now on, and what has come before."""
        self._process = process
        for number in self._waiting:
            self._pass_on(number)

    def _pass_on(self, number: signal.Signals) -> None:
        if self._process is None:
            self._waiting.append(number)
        elif not (number == signal.SIGINT and sys.stdin.isatty()):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
