"""The log: one line an event."""

import io
import json
import logging
import re
from dataclasses import replace

import pytest
import structlog

from proxy import log
from proxy.config.settings import Log
from proxy.core.events import Finished
from proxy.core.secret import Secret
from proxy.log.console import Console, amount
from tests.fakes.tokens import token

FACT = Finished(
    "/", "GET", b"/qb/query?token=abc", "127.0.0.1", "id-1", 200, received=0, sent=1234, attempts=1, duration=0.0341
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_an_event_is_one_line_of_json() -> None:
    """Time, level and event come first, the rest behind."""
    stream = io.StringIO()
    log.configure(Log(), stream)
    structlog.get_logger().warning("something", answer=42)
    line = json.loads(stream.getvalue())
    assert list(line) == ["time", "level", "event", "answer"]
    assert (line["level"], line["event"], line["answer"]) == ("warning", "something", 42)


def test_secrets_and_tokens_have_no_readable_form() -> None:
    """Even if somebody logs one by mistake."""
    stream = io.StringIO()
    log.configure(Log(level="debug"), stream)
    structlog.get_logger().debug("oops", secret=Secret("hunter2"), token=token("t0ps3cret"), nested=[Secret("hunter2")])
    assert "hunter2" not in stream.getvalue()
    assert "t0ps3cret" not in stream.getvalue()


def test_the_level_is_kept() -> None:
    """What lies below it is not written."""
    stream = io.StringIO()
    log.configure(Log(level="error"), stream)
    structlog.get_logger().warning("no")
    assert stream.getvalue() == ""


def test_what_libraries_log_comes_in_our_form_without_a_traceback() -> None:
    """One line, with the kind of the exception and the way to it; what is filled into either is left out."""
    stream = io.StringIO()
    log.configure(Log(), stream)
    try:
        raise ValueError("hunter2")  # noqa: TRY301  raised, so that it has a place
    except ValueError:
        logging.getLogger("asyncio").exception("Task failed: %s\nmore lines", "hunter2")
    line = json.loads(stream.getvalue())
    assert line["event"] == "Task failed"
    assert re.fullmatch(r"ValueError at test_log\.py:\d+", line["cause"])
    assert "hunter2" not in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Exception in callback f('hunter2')\nhandle: <Handle>", "Exception in callback f"),
        ("Can not load cookies: Illegal cookie name 'hunter2'", "Can not load cookies"),
        ("Error handling request from %s", "Error handling request from"),
        (f"socket.accept() out of {'hunter2'}", "socket.accept"),
        ("<hunter2>", ""),
    ],
)
def test_what_libraries_fill_in_is_cut_off(words: str, said: str) -> None:
    """Some do so before they log."""
    stream = io.StringIO()
    log.configure(Log(), stream)
    logging.getLogger("asyncio").error(words)
    assert json.loads(stream.getvalue())["event"] == said


def test_the_access_line() -> None:
    """Everything the exchange tells, the token's value hidden."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    log.AccessLog(output.writer, None, every=True).finished(FACT)
    line = json.loads(stream.getvalue())
    time = line.pop("time")
    assert time.endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": "/",
        "target": "/qb/query?token=****",
        "status": 200,
        "received": 0,
        "sent": 1234,
        "duration_ms": 34.1,
        "attempts": 1,
        "peer": "127.0.0.1",
        "request_id": "id-1",
    }


def test_refusals_and_errors_are_logged_even_with_access_off() -> None:
    """`access = false` is about what went well."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    access = log.AccessLog(output.writer, None, every=False)
    access.finished(FACT)
    access.finished(Finished("/", "GET", b"/", "::1", status=502, code="dns_error", cause="no address"))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["code"], line["cause"]) for line in lines] == [("warning", "dns_error", "no address")]


def test_the_access_line_of_a_caller_with_a_name() -> None:
    """Who sent a key, and which proxy has told the client's address."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    fact = Finished("/", "GET", b"/", "192.0.2.7", status=200, client="cron", proxy="10.0.0.1")
    log.AccessLog(output.writer, None, every=True).finished(fact)
    log.AccessLog(output.writer, Console(colours=False), every=True).finished(fact)
    line, text = stream.getvalue().splitlines()
    assert {name: json.loads(line)[name] for name in ("peer", "proxy", "client")} == {
        "peer": "192.0.2.7",
        "proxy": "10.0.0.1",
        "client": "cron",
    }
    assert "client=cron" in text


def test_people_get_short_coloured_lines() -> None:
    """On a terminal: time, method, target, status in colour, size, duration, what is unusual behind."""
    stream = Terminal()
    output = log.configure(Log(), stream)
    log.AccessLog(output.writer, output.console, every=True).finished(FACT)
    line = stream.getvalue()
    assert "\x1b[32m200\x1b[0m" in line
    assert "GET  /qb/query?token=****" in line
    assert "1.2 KB  34.1 ms" in line
    assert "attempts" not in line


def test_the_name_of_a_client_is_logged() -> None:
    """In both forms, where there is one."""
    named = replace(FACT, client="cron")
    for stream in (Terminal(), io.StringIO()):
        output = log.configure(Log(), stream)
        access = log.AccessLog(output.writer, output.console if output.people else None, every=True)
        access.finished(named)
        access.finished(FACT)
        first, second = stream.getvalue().splitlines()
        assert "cron" in first
        assert "client" not in second


def test_a_stream_that_is_gone_ends_nobody() -> None:
    """A closed stream is no reason to stop serving."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    stream.close()
    structlog.get_logger().error("nobody reads this")
    output.flush()


async def test_lines_are_written_together() -> None:
    """On a running loop lines wait for each other; flush writes what waits."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    for number in range(3):
        structlog.get_logger().error("n", number=number)
    assert stream.getvalue() == ""
    output.flush()
    assert len(stream.getvalue().splitlines()) == 3


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2_500_000, "2.5 MB"), (3e9, "3.0 GB")]
)
def test_amounts(size: int, text: str) -> None:
    """Sizes as people read them."""
    assert amount(size) == text


def test_a_method_of_many_letters_is_shown_by_its_beginning() -> None:
    """A line is for people, and a method may have as many letters as a header section has room for."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    log.AccessLog(output.writer, None, every=True).finished(replace(FACT, method="X" * 30_000))
    output.flush()
    assert len(stream.getvalue()) < 1000
