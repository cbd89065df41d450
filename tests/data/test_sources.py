"""Examples by number: reproducible, resumable, each image once per epoch."""

import numpy as np
import pytest

from tf_jfb.data import DeadLeaves, examples
from tf_jfb.operators import GaussianBlur

SOURCE = [np.full((8, 8, 1), i / 10, np.float32) for i in range(6)]


def take(count, source=SOURCE, operator=None, noise=0.0, **options):
    options = {"batch_size": 2, "augment": False, **options}
    batches = examples(source, operator, noise, **options).take(count).as_numpy_iterator()
    blurred, sharp = zip(*batches, strict=True)
    return np.concatenate(blurred), np.concatenate(sharp)


def test_each_image_once_per_epoch_in_an_order_that_changes():
    _, sharp = take(6)
    numbers = np.round(10 * sharp[:, 0, 0, 0]).astype(int)
    assert sorted(numbers[:6]) == sorted(numbers[6:]) == list(range(6))
    assert list(numbers[:6]) != list(numbers[6:])


def test_resuming_gives_the_same_examples():
    options = {"source": DeadLeaves(5, size=16), "noise": 0.1, "crop": 8, "augment": True}
    whole, rest = take(4, **options), take(2, **options, start=4)
    for a, b in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(a[4:], b)


def test_resuming_in_a_later_epoch_and_within_a_batch():
    whole, rest = take(20, noise=0.1)[0], take(3, noise=0.1, start=33)[0]
    np.testing.assert_array_equal(whole[33:39], rest)


def test_noise_does_not_depend_on_the_batch():
    pairs = take(3, noise=0.1, batch_size=4), take(12, noise=0.1, batch_size=1)
    for a, b in zip(*pairs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_large_a_crop_is_named():
    with pytest.raises(Exception, match="`crop` must fit into every image. Received: crop=9"):
        take(1, crop=9)


def test_seed_changes_the_examples():
    assert np.abs(take(1, noise=0.1, seed=0)[0] - take(1, noise=0.1, seed=1)[0]).max() > 0.01


def test_blur_and_noise():
    operator, source = GaussianBlur(3, 1.0), DeadLeaves(4, size=48)
    blurred, sharp = take(2, source=source, operator=operator, noise=0.05)
    noise = blurred - operator(sharp)
    assert np.std(noise) == pytest.approx(0.05, rel=0.05) and abs(np.mean(noise)) < 2e-3
    clean, same = take(2, source=source, operator=operator)
    np.testing.assert_array_equal(same, sharp)
    np.testing.assert_allclose(clean, operator(sharp), atol=1e-6)


def test_crops_and_turns_come_from_the_image():
    image = np.arange(64, dtype=np.float32).reshape(8, 8, 1) / 64
    _, sharp = take(4, source=[image], crop=4, augment=True)
    steps = {round(float(s[0, 1, 0] - s[0, 0, 0]) * 64) for s in sharp}
    assert sharp.shape == (8, 4, 4, 1) and steps <= {1, -1, 8, -8} and len(steps) > 1


@pytest.mark.parametrize(
    "option, value",
    [("batch_size", 0), ("noise", -1.0), ("seed", -1), ("start", -1), ("crop", 0), ("source", [])],
)
def test_errors(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must"):
        take(1, **{option: value})


def test_shrunk_images_are_sharper_and_hold_the_crop():
    ramp = np.tile(np.arange(32, dtype=np.float32)[None, :, None] / 32, (24, 1, 3))
    options = {"batch_size": 8, "crop": 8, "augment": False}
    _, plain = next(iter(examples([ramp], None, 0.0, **options)))
    _, shrunk = next(iter(examples([ramp], None, 0.0, shrink=0.25, **options)))
    slopes = [np.diff(x.numpy(), axis=2).mean(axis=(1, 2, 3)) * 32 for x in (plain, shrunk)]
    np.testing.assert_allclose(slopes[0], 1.0, rtol=1e-4)
    assert shrunk.shape == (8, 8, 8, 3)
    assert slopes[1].min() > 1.0 and 1.5 < slopes[1].max() < 3.05  # to a third: the crop's 8 of 24
    with pytest.raises(ValueError, match=r"`shrink` must lie in \(0, 1\]. Received: shrink=0"):
        examples([ramp], None, 0.0, shrink=0, **options)
