"""The log: what happened, one line an event, for people on a terminal and for machines elsewhere.

writer.py   gathers lines and has a thread write them together
outlet.py   the descriptor that they are written to
lines.py    events as lines of JSON, and what no line may hold
console.py  lines for people
access.py   the line of a finished exchange
"""

import logging
import os
import random
import re
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from proxy.config.settings import Log
from proxy.core.redact import defect
from proxy.log.access import AccessLog
from proxy.log.console import Console
from proxy.log.lines import MAX_TEXT, json_line
from proxy.log.writer import writer

__all__ = ["AccessLog", "Output", "configure"]

# `asyncio` says "Exception in callback f('what it was called with')", and explains itself over several lines.
FILLED_IN = re.compile(r"[%(<{\[\"'=:\n]")

Event = MutableMapping[str, Any]


class Output:
    """Where the log goes and how it is laid out. `close()` at the end."""

    def __init__(
        self, settings: Log, stream: TextIO | None = None, chance: Callable[[], float] = random.random
    ) -> None:
        stream = stream or sys.stderr
        self._terminal = stream.isatty()
        # https://no-color.org
        self.console = Console(colours=self._terminal and "NO_COLOR" not in os.environ)
        self.writer = writer(stream, self._gap)
        self.access = AccessLog(self.writer, chance)
        self.adjust(settings)

    def adjust(self, settings: Log) -> None:
        """Go by these settings from now on."""
        self.settings = settings
        self.people = settings.format == "console" or (settings.format == "auto" and self._terminal)
        self.access.console = self.console if self.people else None
        self.access.share = settings.sample if settings.access else 0.0
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(settings.level))

    @property
    def dropped(self) -> int:
        """How many lines could not be written since the start."""
        return self.writer.dropped

    def write(self, fact: Event) -> None:
        """Write an event."""
        self.writer.write(self.console.event(fact) if self.people else json_line(fact))

    def flush(self) -> None:
        """Write what waits, unless nobody takes it."""
        self.writer.flush()

    def close(self) -> None:
        """Write what waits, likewise, and nothing any more."""
        self.writer.close()

    def _gap(self, count: int) -> str:
        """Return the line that stands where lines are missing; it is written whatever the level."""
        fact = stamped(None, "", {"level": "warning", "event": "log lines dropped", "count": count})
        return self.console.event(fact) if self.people else json_line(fact)


def configure(settings: Log, stream: TextIO | None = None) -> Output:
    """Set structlog and the standard library's logging up for this output, and return it."""
    output = Output(settings, stream)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamped, lambda _logger, _name, event: finish(output, event)],
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Foreign()], level=logging.WARNING, force=True)
    return output


def finish(output: Output, event: Event) -> str:
    """End the chain of processors: write the event."""
    output.write(event)
    return ""


def stamped(_logger: object, _name: str, event: Event) -> Event:
    """Put time, level and event first."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": when, "level": event.pop("level"), "event": event.pop("event"), **event}


class Foreign(logging.Handler):
    """Brings what libraries log into our own form: one line, with the kind and place of an exception.

    What they fill into their words, and the text of an exception, may quote what was sent or received. So their words
    are cut where something is filled in.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of the standard library's logging."""
        error = record.exc_info[1] if record.exc_info else None
        extra = {} if error is None else {"cause": defect(error)}
        words = FILLED_IN.split(str(record.msg), maxsplit=1)[0].strip()[:MAX_TEXT]
        structlog.get_logger().log(record.levelno, words, logger=record.name, **extra)
