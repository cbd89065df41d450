"""Tiles that cover an image once, and leave no seam."""

import numpy as np
import pytest

import tf_jfb
from tf_jfb.data import Photo
from tf_jfb.exported import deblur_photo
from tf_jfb.exported.tiles import overlap, restore_in_tiles, split
from tf_jfb.solvers import Solution


@pytest.mark.parametrize(
    "size, tile, margin", [(100, 100, 40), (101, 100, 10), (1000, 300, 58), (333, 181, 60)]
)
def test_weights_sum_to_one_and_forget_what_is_near_a_cut(size, tile, margin):
    axis = split(size, tile, margin)
    total = np.zeros(size)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert start >= 0 and start + axis.length <= size and axis.length <= tile
        total[start : start + axis.length] += weight
        if start:
            assert weight[: margin // 2].max() < 1e-6
        if start + axis.length < size:
            assert weight[-(margin // 2) :].max() < 1e-6
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    overlaps = np.subtract(np.add(axis.starts[:-1], axis.length), axis.starts[1:])
    assert (overlaps >= 2 * margin - 1).all()


def test_a_tile_smaller_than_its_margins_is_refused():
    with pytest.raises(ValueError, match="`tile` must be at least 300 pixels"):
        split(1000, 299, 100)


def test_tiles_are_put_together_and_the_worst_is_told():
    image = np.random.default_rng(0).random((50, 90, 3), np.float32)
    mask, seen, told = np.ones((50, 90, 1), np.float32), [], []
    mask[:, :40] = 0

    def restore(tile, trusted):
        seen.append(tile.shape)
        return Solution(2 * tile, len(seen), 1.0 / len(seen), tf_jfb.Status(len(seen) % 2))

    result = restore_in_tiles(restore, image, (30, 30), 8, mask, lambda *n: told.append(n))
    np.testing.assert_allclose(result.image[:, 60:], 2 * image[:, 60:], atol=1e-6)
    np.testing.assert_allclose(result.image[:, :12], image[:, :12], atol=1e-6)  # left as it is
    assert told[-1] == (len(told), len(told)) and len(seen) < len(told)
    assert (result.evaluations, result.residual, result.status) == (len(seen), 1.0, 1)


def test_a_photograph_in_tiles_is_as_the_whole(folder):
    model = tf_jfb.load(folder)
    kernel = tf_jfb.operators.kernels.gaussian(3, 0.7)
    image = tf_jfb.data.dead_leaves(1, 260)[0][:200]
    told = {"kernel": kernel, "noise": 0.05, "max_evaluations": 4, "light": "linear"}
    whole = deblur_photo(model, Photo(image), **told)
    tiled = deblur_photo(model, Photo(image), tile=overlap(kernel) * 3 + 40, **told)
    difference = np.abs(whole.photo.pixels - tiled.photo.pixels)[60:-60, 60:-60]
    assert np.sqrt(np.square(difference).mean()) < 1e-3
    assert tiled.noise == pytest.approx(whole.noise)
