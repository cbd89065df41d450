"""What the tests of the baselines share."""

import pytest
from baseline_images import sharp_images


@pytest.fixture(scope="module")
def sharp():
    return sharp_images()
