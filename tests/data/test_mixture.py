"""Several sources as one."""

import numpy as np
import pytest

from tf_jfb.data import Mixture


def constant(values):
    return [np.full((4, 4, 3), value, np.float32) for value in values]


def test_sources_have_equal_shares_and_short_ones_start_again():
    mixture = Mixture([constant([0.1, 0.2, 0.3]), constant([0.9])])
    assert len(mixture) == 6
    first = [float(mixture[i][0, 0, 0]) for i in range(6)]
    np.testing.assert_allclose(first, [0.1, 0.9, 0.2, 0.9, 0.3, 0.9])


@pytest.mark.parametrize("sources", [[], [constant([0.1]), []]])
def test_refuses_what_holds_no_image(sources):
    with pytest.raises(ValueError, match="`sources` must be one or more"):
        Mixture(sources)
