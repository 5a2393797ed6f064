"""What an answer says before its body (RFC 9112 §4), and how that is delimited."""

from dataclasses import dataclass, field

from proxy.core.fields import PLAIN_CONNECTION, VOUCHING, Control, Lines, name_of, nominated, options, without
from proxy.core.scrub import Scrub, Scrubbed
from proxy.errors import BadUpstream, CodedAnswer
from proxy.wire.body import CHUNKED, CLOSE, EMPTY, LENGTH, NO_BODY, Body, read_length
from proxy.wire.request import Request

SWITCHING = 101  # RFC 9110 §15.2.2


@dataclass(slots=True)
class Answer:
    """An answer under way. `keep` says whether the origin's connection may be used again after it."""

    status: int
    reason: bytes
    http10: bool
    keep: bool
    lines: Lines = field(repr=False)
    control: Control = field(repr=False)
    body: Body
    framing: bytes = b""
    upgrade: bytes = b""


def read_answer(
    status: int, reason: bytes, version: str, lines: Lines, control: Control, *, asked: Request, keep: bool
) -> Answer:
    """Turn a parsed head into an answer to the request `asked`. Raises BadUpstream."""
    if version not in {"1.1", "1.0"} or status < 100:  # noqa: PLR2004  RFC 9110 §15
        raise BadUpstream(cause=f"HTTP version {version}, status {status}")
    http10 = version == "1.0"
    body, framing = answer_body(status, control, asked=asked.method)
    if b"connection" in control and control[b"connection"] not in PLAIN_CONNECTION:
        lines = without(lines, nominated(control))
    if http10 and b"transfer-encoding" in control:
        keep = False  # RFC 9112 §6.1: the framing may be another's, the connection is not used again
    answer = Answer(status, reason, http10, keep and body.framing is not CLOSE, lines, control, body, framing)
    if status == SWITCHING:
        _read_switch(answer, asked)
    return answer


def _read_switch(answer: Answer, asked: Request) -> None:
    """See that an origin changes to what it was asked for (RFC 9110 §7.8). Raises BadUpstream."""
    chosen = options(answer.control.get(b"upgrade", b""))
    if b"upgrade" not in nominated(answer.control) or not chosen or not set(chosen) <= set(options(asked.upgrade)):
        raise BadUpstream(cause="101 to a protocol that was not asked for")
    answer.upgrade = answer.control[b"upgrade"]


def answer_body(status: int, control: Control, *, asked: bytes) -> tuple[Body, bytes]:
    """Return the still empty body of an answer and the Content-Length line to send, if any (RFC 9112 §6.3)."""
    coding, value = control.get(b"transfer-encoding"), control.get(b"content-length")
    length = None if value is None else read_length(value)
    if value is not None and length is None:
        raise BadUpstream(cause="malformed Content-Length")
    if coding is not None and (length is not None or options(coding) != [b"chunked"]):
        raise BadUpstream(cause="ambiguous Transfer-Encoding")
    line = b"" if length is None else b"Content-Length: %d\r\n" % length
    if asked == b"HEAD" or status in {204, 304} or status < 200:  # noqa: PLR2004  RFC 9110 §15: 1xx are interim
        return EMPTY, b"" if status in {101, 204} else line
    if coding is not None:
        return Body(CHUNKED), b""
    if length is None:
        return Body(CLOSE), b""
    return Body(LENGTH, length) if length else EMPTY, line


def hide(answer: Answer, scrub: Scrub) -> None:
    """Hide in an answer what must not be seen, its body as it comes. Raises CodedAnswer."""
    codings = [line.partition(b":")[2].strip() for line in answer.lines if name_of(line) == b"content-encoding"]
    if answer.body.framing is not NO_BODY:
        if set(options(b",".join(codings))) - {b"identity"}:
            raise CodedAnswer(cause="a content coding on a route with scrub")
        answer.body.scrubbed = Scrubbed(scrub)
    answer.reason, answer.lines = scrub.hide(answer.reason), hidden(answer.lines, scrub)


def hidden(lines: Lines, scrub: Scrub) -> Lines:
    """Return field lines with nothing in them that must not be seen, and without what the bytes may not keep."""
    return scrub.lines(without(lines, VOUCHING))
