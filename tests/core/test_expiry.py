"""The lifetime of a token is read from whatever the platform sends, and never believed to be longer than it is."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.expiry import MAX_LIFETIME, lifetime

NOW = datetime(2020, 2, 28, 16, 17, 10, tzinfo=UTC).timestamp()
TTL = 1234.0
HOUR = 3600.0
SOON = datetime.fromisoformat("2020-03-01")


def read(answer: dict[str, object], date: str | None = None) -> float:
    """Read an answer at NOW."""
    found = lifetime(answer, date, NOW)
    return TTL if found is None else found


@pytest.mark.parametrize(
    "written",
    [
        "2020-02-28T17:17:10Z",
        "2020-02-28T17:17:10.000Z ",
        " 2020-02-28T17:17:10 Z",
        "2020-02-28T17:17:10",
        "2020-02-28 17:17:10",
        "2020-02-28 17:17:10 Z",
        "2020-02-28t17:17:10z",
        "2020-02-28T18:17:10+01:00",
        "2020-02-28T18:17:10 +0100",
        "2020-02-28T13:17:10-04:00",
        "20200228T171710Z",
        NOW + HOUR,
        int(NOW + HOUR),
        str(int(NOW + HOUR)),
        f" {int(NOW + HOUR)} ",
        (NOW + HOUR) * 1000,
        int((NOW + HOUR) * 1000),
        str(int((NOW + HOUR) * 1000)),
    ],
)
def test_token_expire_is_read_however_it_is_written(written: object) -> None:
    """ISO 8601 with stray spaces, Z, offset or none, epoch seconds and milliseconds, numbers and digits: one hour."""
    assert read({"token_expire": written, "token_duration": 7}) == pytest.approx(HOUR)


@pytest.mark.parametrize(
    "useless",
    [
        None,
        "",
        " ",
        "soon",
        "2020-02-28T15:17:10Z",
        "2020-13-45T99:00:00Z",
        0,
        -1,
        NOW,
        NOW - 1,
        math.nan,
        math.inf,
        -math.inf,
        "NaN",
        "Infinity",
        1e300,
        10**400,
        "1" * 400,
        True,
        [],
        {},
        3600,
        NOW + MAX_LIFETIME + 1,
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_a_useless_token_expire_is_passed_over(useless: object) -> None:
    """Past, absurd, infinite, no number, no date: the duration counts instead, and then the configured ttl."""
    assert read({"token_expire": useless, "token_duration": 60}) == 60
    assert read({"token_expire": useless}) == TTL


@pytest.mark.parametrize("useless", [None, 0, -5, math.nan, math.inf, "x", "", False, [], MAX_LIFETIME * 2, 10**400])
def test_a_useless_duration_is_passed_over(useless: object) -> None:
    """The ttl counts where the duration is no positive number of seconds within reason."""
    assert read({"token_duration": useless}) == TTL


@pytest.mark.parametrize("seconds", [900, 900.0, "900", " 900 "])
def test_a_duration_is_in_seconds(seconds: object) -> None:
    """Numbers and numeric strings."""
    assert read({"token_duration": seconds}) == 900


@pytest.mark.parametrize("skew", [-86400, -60, 60, 86400])
def test_a_wrong_clock_is_corrected_by_the_answers_date(skew: int) -> None:
    """With clocks apart, what counts is how long the token lives on the origin's own; at most a second is lost."""
    theirs = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=skew)
    expires = theirs + timedelta(hours=1)
    left = read({"token_expire": expires.isoformat()}, format_datetime(theirs, usegmt=True))
    assert HOUR - 1 <= left <= HOUR


def test_clocks_that_agree_lose_nothing_to_the_dates_resolution() -> None:
    """A Date cut to whole seconds does not lengthen the life of a token, nor cost it one."""
    date = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)
    assert lifetime({"token_expire": NOW + 3}, date, NOW + 0.9) == pytest.approx(2.1)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Feb 2020 16:17:10 GMT", "0"])
def test_a_date_that_is_none_corrects_nothing(date: str | None) -> None:
    """Our own clock stands in."""
    assert read({"token_expire": NOW + HOUR}, date) == HOUR


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str) | st.datetimes().map(str)
)


@given(JUNK, JUNK, st.none() | st.text(), st.floats(0, 4e9))
def test_any_answer_gives_a_lifetime_within_reason(
    expire: object, duration: object, date: str | None, now: float
) -> None:
    """Whatever the platform sends, the lifetime is positive and finite, or not told."""
    seconds = lifetime({"token_expire": expire, "token_duration": duration}, date, now)
    assert seconds is None or 0 < seconds <= MAX_LIFETIME


@given(
    st.datetimes(SOON, SOON + timedelta(days=365)),
    st.sampled_from(["", " "]),
    st.sampled_from(["Z", "+00:00", ""]),
)
def test_iso_dates_are_exact(moment: datetime, space: str, offset: str) -> None:
    """Any moment, to the microsecond, with or without strays."""
    written = f"{space}{moment.isoformat()}{space}{offset}{space}"
    assert read({"token_expire": written}) == pytest.approx(moment.replace(tzinfo=UTC).timestamp() - NOW, abs=1e-5)
