"""The log: one line an event."""

import io
import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest
import structlog

from proxy import log
from proxy.config.settings import Log
from proxy.core.events import Finished
from proxy.core.secret import Secret
from proxy.log.console import amount
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


def test_whatever_is_logged_becomes_a_line() -> None:
    """Keys that are no texts, texts that are no Unicode, values that JSON does not know."""
    stream = io.StringIO()
    log.configure(Log(), stream)
    structlog.get_logger().error("x", counts={1: 2, "a": Secret("hunter2")}, path="\udcff", secret=Secret("hunter2"))
    line = json.loads(stream.getvalue())
    assert (line["counts"]["1"], line["path"]) == (2, "\udcff")
    assert "hunter2" not in stream.getvalue()


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
    output.access.finished(FACT)
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


def test_a_parameter_that_carries_a_credential_is_hidden() -> None:
    """By whatever name a route has it injected: what the caller sends there is a credential too."""
    stream = io.StringIO()
    access = log.configure(Log(), stream).access
    access.hidden |= {b"key"}
    access.finished(replace(FACT, target=b"/x?Key=hunter2&%6bey=hunter2&monkey=1&access_token=hunter2"))
    assert json.loads(stream.getvalue())["target"] == "/x?Key=****&%6bey=****&monkey=1&access_token=****"


def test_refusals_and_errors_are_logged_even_with_access_off() -> None:
    """`access = false` is about what went well."""
    stream = io.StringIO()
    access = log.configure(Log(access=False), stream).access
    access.finished(FACT)
    access.finished(Finished("/", "GET", b"/", "::1", status=502, code="dns_error", cause="no address"))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["code"], line["cause"]) for line in lines] == [("warning", "dns_error", "no address")]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"status": 403}, "info"),
        ({"status": 500}, "info"),
        ({"status": 0}, "info"),
        ({"status": 403, "code": "path_denied"}, "info"),
        ({"status": 503, "code": "overloaded"}, "warning"),
        ({"status": 200, "cut": True, "code": "connection_terminated"}, "warning"),
    ],
)
def test_what_has_not_succeeded_is_always_logged(changes: dict[str, Any], level: str) -> None:
    """Refusals and errors of either side, answers that were cut, clients that left before one."""
    stream = io.StringIO()
    log.configure(Log(sample=0.0), stream).access.finished(replace(FACT, **changes))
    assert json.loads(stream.getvalue())["level"] == level


def test_a_share_of_what_succeeded_is_logged() -> None:
    """Chance decides, line by line; a share of one asks it nothing."""
    stream = io.StringIO()
    chances = iter([0.2, 0.3, 0.29, 0.9, 0.0])
    output = log.Output(Log(sample=0.3), stream, lambda: next(chances))
    for number in range(5):
        output.access.finished(replace(FACT, request_id=str(number), status=(200, 304, 101, 204, 206)[number]))
    assert [json.loads(line)["request_id"] for line in stream.getvalue().splitlines()] == ["0", "2", "4"]
    output.adjust(Log())
    output.access.finished(FACT)
    assert len(stream.getvalue().splitlines()) == 4


def test_settings_change_while_it_runs() -> None:
    """Level, sample, access and form, for loggers that are there already too."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    logger = structlog.get_logger()
    logger.debug("not yet")
    output.adjust(Log(format="console", level="debug", access=False))
    logger.debug("now", answer=42)
    output.access.finished(FACT)
    output.adjust(Log(level="error"))
    logger.warning("no more")
    output.access.finished(FACT)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("now  answer=42")
    assert json.loads(second)["event"] == "request"


def test_the_access_line_of_a_caller_with_a_name() -> None:
    """Who sent a key, and which proxy has told the client's address."""
    stream = io.StringIO()
    output = log.configure(Log(), stream)
    fact = Finished("/", "GET", b"/", "192.0.2.7", status=200, client="cron", proxy="10.0.0.1")
    output.access.finished(fact)
    output.adjust(Log(format="console"))
    output.access.finished(fact)
    line, text = stream.getvalue().splitlines()
    assert {name: json.loads(line)[name] for name in ("peer", "proxy", "client")} == {
        "peer": "192.0.2.7",
        "proxy": "10.0.0.1",
        "client": "cron",
    }
    assert "client=cron" in text


def test_what_others_have_sent_stays_on_its_line() -> None:
    """No line is made up and no terminal steered, whatever an error quotes."""
    stream = io.StringIO()
    output = log.configure(Log(format="console"), stream)
    forged = "no\n12:00:00 GET /x \x1b[2J\x9b31m\u2028\r"
    structlog.get_logger().warning("odd\nevent", cause=forged)
    fact = Finished("/", "GET", b"/", "::1", status=502, code="dns_error", cause=forged)
    output.access.finished(fact)
    event, request = stream.getvalue().splitlines()
    assert r"odd\u000aevent  cause=no\u000a12:00:00 GET /x \u001b[2J\u009b31m\u2028" in event
    assert r"cause=no\u000a12:00:00 GET /x \u001b[2J" in request
    assert event.isprintable()
    assert request.isprintable()


def test_people_get_short_coloured_lines() -> None:
    """On a terminal: time, method, target, status in colour, size, duration, what is unusual behind."""
    stream = Terminal()
    output = log.configure(Log(), stream)
    output.access.finished(FACT)
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
        output.access.finished(named)
        output.access.finished(FACT)
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


FORGED = "x\n\r\x1b[2J\x85\u2028\u2029\u202e\x7f"


@pytest.mark.parametrize("form", ["json", "console"])
def test_values_cannot_forge_lines(form: str) -> None:
    """Whatever a value holds, its line stays one, for terminals and for readers that know Unicode's line ends."""
    stream = io.StringIO()
    output = log.configure(Log(format=form), stream)  # type: ignore[arg-type]  # it is one of the two
    output.access.finished(
        replace(
            FACT, target=f"/{FORGED}\xff".encode(), method=FORGED, client=FORGED, peer=FORGED, cause=FORGED, code="c"
        )
    )
    structlog.get_logger().warning(FORGED, cause=FORGED, other=[FORGED], folder="/tmp/\udcff\u2028")
    logging.getLogger("x").error("%s", FORGED, exc_info=ValueError(FORGED))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert stream.getvalue().count("\n") == 3
    assert not any(re.search("[\x00-\x1f\x80-\x9f\u2028\u2029\u202e\ud800-\udfff]", line) for line in lines)
    if form == "json":
        assert json.loads(lines[0])["client"] == FORGED
        assert json.loads(lines[1])["other"] == [FORGED]


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
    output.access.finished(replace(FACT, method="X" * 30_000))
    output.flush()
    assert len(stream.getvalue()) < 1000
