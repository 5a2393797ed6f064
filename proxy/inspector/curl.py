"""An exchange as a command line that sends it again, through the gateway: no token stands in it, and none is needed."""

import base64
import re
import shlex
from collections.abc import Iterator

from proxy.core.redact import HIDDEN
from proxy.inspector.entry import Entry

# What belongs to a connection, to the framing of a body, or to the gateway.
LEFT_OUT = frozenset(
    (
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "expect",
        "via",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    )
)
# What curl sends by itself.
CURLS_OWN = re.compile(r"(?i)user-agent: curl/.*|accept: \*/\*")


def command(entry: Entry, gateway: str) -> str:
    """Return a line for a POSIX shell; `gateway` is the URL that the gateway is asked at."""
    words = ["curl", "--globoff", "--path-as-is", *method(entry)]
    for line in sendable(entry, gateway):
        words += ["-H", shlex.quote(line)]
    target = entry.fact.target.decode("latin-1")
    if not target.startswith("/"):
        words += ["--request-target", shlex.quote(target)]
        target = "/"
    data = entry.request.data
    before = ""
    if data:
        try:
            printable = data.decode()
            plain = "\0" not in printable
        except UnicodeDecodeError:
            plain = False
        if plain:
            words += ["--data-raw", shlex.quote(printable)]
        else:  # bytes that no command line carries
            before = f"printf %s {base64.b64encode(data).decode()} | base64 -d | "
            words += ["--data-binary", "@-"]
    remark = "  # the body is longer than what is kept of it" if entry.request.cut else ""
    remark = "  # its fields and body were not kept" if entry.shed else remark
    if entry.absolute:
        words += ["--proxy", shlex.quote(gateway)]
        gateway = f"http://{entry.host.decode('latin-1')}"
    return before + " ".join([*words, shlex.quote(gateway + target)]) + remark


def method(entry: Entry) -> list[str]:
    """Return how curl is told the method."""
    name = entry.fact.method
    if name == "HEAD":
        return ["--head"]
    usual = "POST" if entry.request.data else "GET"
    return [] if name == usual else ["-X", shlex.quote(name)]


def sendable(entry: Entry, gateway: str) -> Iterator[str]:
    """Yield the fields that can be sent again, as curl takes them: masked ones are not among them."""
    kinds = False
    for raw in entry.request_head.decode("utf-8", "surrogateescape").split("\r\n"):
        name, mark, value = raw.partition(":")
        value = value.strip(" \t")
        kinds = kinds or name.lower() == "content-type"
        if not mark or name.lower() in LEFT_OUT or HIDDEN.decode() in value:
            continue
        line = f"{name}: {value}" if value else f"{name};"
        if not CURLS_OWN.fullmatch(line):
            yield line
    if entry.host and not entry.absolute and not gateway.endswith(f"://{entry.host.decode('latin-1')}"):
        yield f"Host: {entry.host.decode('latin-1')}"
    if entry.request.data and not kinds:
        yield "Content-Type:"  # curl would say that it is a form
