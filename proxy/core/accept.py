"""Whether a caller would rather have a page for people than JSON (RFC 9110 §12.5.1)."""

import re
from collections.abc import Mapping

PAGE = b"text/html"
JSON = (b"application/problem+json", b"application/json")

# In bytes. Browsers send some 150; whoever sends more than this is none, and is not to keep the loop busy.
LONGEST = 1024
# One media range with its parameters, up to the comma or the end. Nothing is tried in two ways: `++` and `*+` give
# nothing back, so a hostile field costs no more than its length.
RANGE = re.compile(
    rb"""[ \t]*+
    (?: (?P<range> \*/\* | [!#$%&'+\-.^_`|~0-9A-Za-z]++/(?: \* | [!#$%&'+\-.^_`|~0-9A-Za-z]++ ) )
        (?P<parameters> (?: [ \t]*+ ; [ \t]*+
            (?: [!#$%&'*+\-.^_`|~0-9A-Za-z]++ = (?: [!#$%&'*+\-.^_`|~0-9A-Za-z]++
              | "(?: [\t !#-\[\]-~\x80-\xff] | \\[\t -~\x80-\xff] )*+" ) )?+ )*+ )
    )?+
    [ \t]*+ (?: , | \Z )""",
    re.VERBOSE,
)
PARAMETER = re.compile(rb';[ \t]*([^;="]+)=("(?:[^"\\]|\\.)*"|[^;"]*)')
UTF8 = {(b"charset", b"utf-8"), (b"charset", b'"utf-8"')}
WEIGHT = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 §12.4.2


def prefers_page(accept: bytes) -> bool:
    """Return whether a field weighs text/html more than JSON. One that is malformed, or long, does not."""
    page: dict[bytes, float] = {}
    json: dict[bytes, float] = {}
    if len(accept) > LONGEST:
        return False
    at = 0
    while at < len(accept):
        match = RANGE.match(accept, at)
        if match is None:
            return False
        at = match.end()
        if match["range"] is None:
            continue  # RFC 9110 §5.6.1: an empty element
        name, found = match["range"].lower(), parameters(match["parameters"])
        given = found.pop(b"q", b"1")
        if not WEIGHT.fullmatch(given):
            return False
        weight = float(given)
        json[name] = max(weight, json.get(name, 0.0))
        if found.items() <= UTF8:  # with other parameters another page than ours is meant
            page[name] = max(weight, page.get(name, 0.0))
    return weighed(page, PAGE) > max(weighed(json, kind) for kind in JSON)


def parameters(text: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a media range, names and values in lower case."""
    return {name.lower(): value.rstrip(b" \t").lower() for name, value in PARAMETER.findall(text)}


def weighed(weights: Mapping[bytes, float], kind: bytes) -> float:
    """Return the weight of a media type: that of the most specific range that it falls under."""
    for name in (kind, kind.partition(b"/")[0] + b"/*", b"*/*"):
        if name in weights:
            return weights[name]
    return 0.0
