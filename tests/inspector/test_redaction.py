"""What of an exchange may be kept."""

from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.injection import Injection, Place
from proxy.core.needles import needles
from proxy.core.scrub import Scrub
from proxy.core.secret import Secret
from proxy.inspector.entry import Entry, Preview
from proxy.inspector.redaction import Redaction, masked_value, named, target, telling
from tests.inspector.entries import entry

TOKEN = "tok-3kF9+x/Q2w"


def texts(made: Entry) -> bytes:
    """Return everything that an entry holds, as one text."""
    return repr([getattr(made, each.name) for each in fields(made)]).encode()


def redacted(made: Entry, *, injection: Injection | None = None, secrets: tuple[str, ...] = (TOKEN,)) -> Entry:
    """Redact one entry."""
    scrub = Scrub(needles(map(Secret, secrets)))
    redaction = Redaction(injection or Injection(), lambda: scrub)
    redaction.add(made)
    redaction.finish()
    return made


@pytest.mark.parametrize(
    "place",
    [
        lambda: entry(b"/path/" + TOKEN.encode()),
        lambda: entry(b"/?x=" + b"tok-3kF9%2Bx%2FQ2w"),
        lambda: entry(lines=[b"X-Any: a " + TOKEN.encode() + b"\r\n"]),
        lambda: entry(body=b"before " + TOKEN.encode() + b" after"),
        lambda: entry(answer=b'{"echo": "Bearer tok-3kF9+x\\/Q2w"}'),
        lambda: entry(answer_lines=[b"X-Echo: " + TOKEN.encode() + b"\r\n"]),
    ],
)
def test_a_token_is_hidden_wherever_it_stands(place: Callable[[], Entry]) -> None:
    """In target, fields and bodies of either side, in URL and JSON form too."""
    made = redacted(place())
    for form in needles([Secret(TOKEN)]):
        assert form not in texts(made)


def test_lines_that_were_plain_are_looked_at_again_for_a_new_token() -> None:
    """A line that was known before the token was is hidden once it is one."""
    scrubs = [Scrub(()), Scrub(needles([Secret(TOKEN)]))]
    redaction = Redaction(Injection(), lambda: scrubs[0])
    line = b"X-Echo: " + TOKEN.encode() + b"\r\n"
    first, second = entry(answer_lines=[line]), entry(answer_lines=[line])
    redaction.add(first)
    redaction.finish()
    scrubs.pop(0)
    redaction.add(second)
    redaction.finish()
    assert TOKEN.encode() in texts(first)
    assert TOKEN.encode() not in texts(second)


def test_among_many_the_one_with_a_token_is_found() -> None:
    """Texts are looked through together; what is next to a token stays as it is."""
    scrub = Scrub(needles([Secret(TOKEN)]))
    redaction = Redaction(Injection(), lambda: scrub)
    many = [entry(b"/%d" % each, number=each, answer=b"text %d" % each) for each in range(50)]
    many[20].answer = Preview(b"a " + TOKEN.encode() + b" b")
    for each in many:
        redaction.add(each)
    redaction.finish()
    assert [each.answer.data for each in many if b"*" in each.answer.data] == [b"a " + b"*" * len(TOKEN) + b" b"]
    assert many[19].answer.data == b"text 19"


def test_a_token_cut_at_the_end_of_a_preview_is_no_beginning_of_one() -> None:
    """Its first half would tell half of it."""
    made = entry()
    made.answer = Preview(b"a text " + TOKEN.encode()[:9], cut=True)
    assert redacted(made).answer.data == b"a text "


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (b"authorization", b"Bearer abc.def", b"Bearer ****"),
        (b"authorization", b"abcdef", b"****"),
        (b"cookie", b"sid=abc; theme=dark", b"sid=****; theme=****"),
        (b"set-cookie", b"sid=abc; Path=/; HttpOnly", b"sid=****; Path=/; HttpOnly"),
        (b"x-api-key", b"abc", b"****"),
    ],
)
def test_telling_fields(name: bytes, value: bytes, shown: bytes) -> None:
    """Scheme, cookie names and attributes stay, values go."""
    assert telling(name)
    assert masked_value(name, value) == shown


def test_the_callers_own() -> None:
    """Its credentials are masked in its fields, and hidden where the answer repeats them."""
    made = entry(
        control={b"host": b"h", b"authorization": b"Bearer callers-own", b"x-proxy-key": b"hunter2-hunter2"},
        lines=[b"Cookie: sid=session-77\r\n", b"Accept: */*\r\n", b"Referer: http://x/?token=referred\r\n"],
        answer=b"you sent callers-own and session-77 and hunter2-hunter2",
        answer_lines=[b"Set-Cookie: sid=fresh-one; Path=/\r\n", b"Location: /next?access_token=located&x=1\r\n"],
    )
    text = texts(redacted(made))
    for secret in (b"callers-own", b"session-77", b"hunter2", b"fresh-one", b"referred", b"located"):
        assert secret not in text
    assert b"Accept: */*" in text
    assert b"/next?access_token=****&x=1" in text


def test_the_place_of_the_credential_is_telling_whatever_its_name() -> None:
    """A caller's own value there is masked, in a field and in a parameter."""
    field = redacted(entry(lines=[b"X-Strange: mine\r\n"]), injection=Injection(Place.FIELD, b"X-Strange", b""))
    assert field.lines == [b"X-Strange: ****\r\n"]
    assert target(b"/a?strange=mine&b=1", b"strange") == b"/a?strange=****&b=1"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"token": "abc", "token_duration": 3600}', b'{"token": "****", "token_duration": 3600}'),
        (b'{"a": {"clientSecret" : "x\\"y"}}', b'{"a": {"clientSecret" : "****"}}'),
        (b"user=me&password=abc%20d", b"user=me&password=****"),
        (b"no secret here", b"no secret here"),
    ],
)
def test_telling_members_and_parameters(body: bytes, kept: bytes) -> None:
    """In JSON and in forms."""
    assert named(Preview(body)).data == kept


@given(st.binary(max_size=300))
def test_targets_without_telling_names_stay_byte_for_byte(raw: bytes) -> None:
    """What has no query, or nothing telling in it, is kept as it came."""
    assert target(b"/" + raw.replace(b"?", b"").replace(b"=", b"")) == b"/" + raw.replace(b"?", b"").replace(b"=", b"")
