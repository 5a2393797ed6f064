"""How many clients there are files for."""

import pytest

from proxy.core.limits import Limits


@pytest.mark.parametrize(
    ("files", "origins", "accepted"),
    [
        (float("inf"), 3, 10_000),
        (1_048_576, 1, 10_000),
        (64 + 512 + 10_000, 1, 10_000),
        (64 + 512 + 9_999, 1, 9_999),
        (1024, 1, 480),  # half, for a request takes one of each side
        (1024, 50, 480),
        (1500, 1, 924),  # what the origins may take is set aside
        (10, 1, 1),
    ],
)
def test_no_more_clients_than_files(files: float, origins: int, accepted: int) -> None:
    """What the origins may take is set aside, up to half of what there is."""
    assert Limits().connections(origins, files) == accepted


def test_bodies() -> None:
    """0 is no limit."""
    assert (Limits().max_body, Limits(max_body_size=5).max_body) == (float("inf"), 5)
