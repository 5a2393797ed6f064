"""One platform and two gateways for all recipes of a file, as one person has them."""

from collections.abc import Iterator

import pytest

from tests.recipes.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run the page's platform and gateways."""
    with staged(tmp_path_factory.mktemp("recipes")) as running:
        yield running
