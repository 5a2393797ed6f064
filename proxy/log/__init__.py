"""The log: what happened, one line an event, for people on a terminal and for machines elsewhere.

writer.py   gathers lines and writes them together
console.py  lines for people
access.py   the line of a finished exchange
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog

from proxy.config.settings import Log, LogLevel
from proxy.log.access import AccessLog
from proxy.log.console import Console
from proxy.log.writer import Writer

__all__ = ["AccessLog", "Output", "configure", "set_level"]

# Longer texts in a log line say nothing more.
MAX_TEXT = 1024

# Left alone, orjson would write out every field of a dataclass, a token's among them.
AS_SHOWN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS

Event = MutableMapping[str, Any]


class Output:
    """Where the log goes and how it is laid out. `flush()` at the end."""

    def __init__(self, settings: Log, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        terminal = stream.isatty()
        self.settings = settings
        self.writer = Writer(stream)
        self.people = settings.format == "console" or (settings.format == "auto" and terminal)
        # https://no-color.org
        self.console = Console(colours=terminal and "NO_COLOR" not in os.environ)

    def write(self, fact: Event) -> None:
        """Write an event."""
        self.writer.write(self.console.event(fact) if self.people else json_line(fact))

    def flush(self) -> None:
        """Write what waits."""
        self.writer.flush()


def json_line(fact: Event) -> str:
    """Return an event as one line of JSON."""
    return orjson.dumps(fact, default=shown, option=AS_SHOWN).decode()


def shown(value: object) -> str:
    """Return how a value that JSON does not know is shown: secrets and tokens have no readable form."""
    return str(value)[:MAX_TEXT]


def configure(settings: Log, stream: TextIO | None = None) -> Output:
    """Set structlog and the standard library's logging up for this output, and return it."""
    output = Output(settings, stream)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamped, lambda _logger, _name, event: finish(output, event)],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Foreign()], level=logging.WARNING, force=True)
    return output


def set_level(level: LogLevel) -> None:
    """Write this and whatever is more serious from now on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))


def finish(output: Output, event: Event) -> str:
    """End the chain of processors: write the event."""
    output.write(event)
    return ""


def stamped(_logger: object, _name: str, event: Event) -> Event:
    """Put time, level and event first."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": when, "level": event.pop("level"), "event": event.pop("event"), **event}


class Foreign(logging.Handler):
    """Brings what libraries log into our own form: one line, with the kind of an exception and no traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of the standard library's logging."""
        error = record.exc_info[1] if record.exc_info else None
        extra = {} if error is None else {"cause": f"{type(error).__name__}: {error}"[:MAX_TEXT]}
        # `asyncio` explains itself over several lines: the first says what happened.
        words = record.getMessage().partition("\n")[0][:MAX_TEXT]
        structlog.get_logger().log(record.levelno, words, logger=record.name, **extra)
