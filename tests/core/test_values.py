"""Secrets stand anywhere among the values of a login, and each comes back at its own place."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.secret import Secret
from proxy.core.values import Value, filled, sources, text
from tests.core.secrets import Given


def test_places_are_named_as_the_configuration_writes_them() -> None:
    """Keys behind a dot, quoted where they have to be; elements of a list by their index."""
    value: Value = {"a": Given("1"), "b": [1, {"c d": Given("2")}], "e.f": Given("3"), "g": "plain", "h": None}
    found = sources(value, "login.json")
    assert set(found) == {"login.json.a", 'login.json.b[1]."c d"', 'login.json."e.f"'}
    secrets = {name: source.read() for name, source in found.items()}
    assert filled(value, "login.json", secrets) == {
        "a": "1",
        "b": [1, {"c d": "2"}],
        "e.f": "3",
        "g": "plain",
        "h": None,
    }


def test_a_value_that_is_a_secret_itself() -> None:
    """The body as a whole."""
    assert sources(Given("x"), "login.body") == {"login.body": Given("x")}
    assert filled(Given("x"), "login.body", {"login.body": Secret("x")}) == "x"


def test_texts() -> None:
    """Numbers and truth values as JSON writes them, texts as they are."""
    assert [text(value) for value in ("a b", 5, 1.5, True, False)] == ["a b", "5", "1.5", "true", "false"]


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.text(max_size=5).map(Given)
KEYS = st.text('a.b[0]"\\ ', max_size=6)
TREES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


def revealed(value: object) -> object:
    """Return a tree as it has to come out."""
    match value:
        case Given():
            return value.text
        case dict():
            return {key: revealed(each) for key, each in value.items()}
        case list():
            return [revealed(each) for each in value]
    return value


@given(TREES)
def test_each_secret_comes_back_at_its_own_place(tree: Value) -> None:
    """Whatever the keys look like: no two secrets share a name."""
    secrets = {name: source.read() for name, source in sources(tree, "login.json").items()}
    assert filled(tree, "login.json", secrets) == revealed(tree)
