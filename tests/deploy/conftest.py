"""The image, built once for all that runs it."""

from pathlib import Path

import pytest

from tests.fakes.image import Image, build

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of this checkout; some 40 s."""
    return build(ROOT, tmp_path_factory.mktemp("image"))
