"""On which line each key stands."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.lines import Path, lines

TEXT = '''\
# a comment = not a key
top = 1
[server]
listen = [
  "a", # with ] and }
  "b",
]
"quoted key".'x y' = { a = 1, b = { c = "}" } }
text = """
[not.a.table]
key = 1
"""
[[routes]]
path = "/"
timeouts = { idle = "1s" }

[[routes]]
path = "/b"
[routes.timeouts]
idle = "2s"
[a.b.c]
d = 2020-01-01T00:00:00Z
'''


def test_places() -> None:
    """Tables, arrays of tables, dotted and quoted keys, inline tables, texts and arrays of several lines."""
    found = lines(TEXT)
    expected: dict[Path, int] = {
        ("top",): 2,
        ("server",): 3,
        ("server", "listen"): 4,
        ("server", "listen", 1): 6,
        ("server", "quoted key", "x y"): 8,
        ("server", "quoted key", "x y", "b", "c"): 8,
        ("server", "text"): 9,
        ("routes", 0): 13,
        ("routes", 0, "timeouts", "idle"): 15,
        ("routes", 1, "path"): 18,
        ("routes", 1, "timeouts"): 19,
        ("routes", 1, "timeouts", "idle"): 20,
        ("a", "b", "c", "d"): 22,
    }
    assert {path: found.get(path) for path in expected} == expected
    assert ("key",) not in found


NAMES = st.text("abc-_", min_size=1, max_size=4)
VALUES = st.recursive(
    st.one_of(
        st.integers().map(str),
        st.booleans().map(lambda value: str(value).lower()),
        st.text(st.characters(codec="ascii", exclude_characters="'\\\"\n\r", exclude_categories=["Cc"])).map(
            lambda t: f"'{t}'"
        ),
        st.just('"""\n] } #\n"""'),
        st.just("'''\n[x]\ny = 1'''"),
        st.just("1979-05-27 07:32:00"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: "[\n" + ", # c\n".join(each) + "]"),
        st.dictionaries(NAMES, inner, max_size=3).map(
            lambda d: "{" + ", ".join(f"{k} = {v}" for k, v in d.items()) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_every_key_of_a_valid_file_is_found_where_it_stands(table: dict[str, str]) -> None:
    """Whatever the values look like."""
    text, expected, line = "[t]\n", {}, 2
    for key, value in table.items():
        text += f"{key} = {value}\n"
        expected["t", key] = line
        line += value.count("\n") + 1
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = lines(text)
    assert {path: found.get(path) for path in expected} == expected


@given(st.text("[]{}='\"\\\n#.,ab 1", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    """A text that is no TOML gives what it gives, and ends."""
    try:
        lines(text)
    except tomllib.TOMLDecodeError:
        return
