"""Where tokens are kept, as it is shown."""

import pytest

from proxy.core.secret import Secret
from proxy.core.store import StoreFile, StoreServer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache", "redis://cache"),
        ("rediss://user:hunter2@cache:6380/3", "rediss://cache:6380/3"),
        ("redis://:hunter2@[::1]:6379", "redis://[::1]:6379"),
        ("redis://:hunt%40er2@cache/0?ssl_ca_certs=hunter2", "redis://cache/0"),
    ],
)
def test_a_server_is_shown_without_what_opens_it(url: str, shown: str) -> None:
    """User, password and parameters are left out, in its text as in its repr."""
    place = StoreServer(Secret(url))
    assert str(place) == shown
    assert "hunt" not in repr(place)


def test_a_file_is_shown_as_it_is_written() -> None:
    """As in the configuration."""
    assert str(StoreFile("/var/lib/tokens.json")) == "file:/var/lib/tokens.json"
