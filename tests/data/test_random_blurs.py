"""Random kernels and noise levels over a data set."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.data import RandomBlurs, degrade_randomly
from tf_jfb.data import light as srgb
from tf_jfb.operators import BlurFFT, kernels

FAMILIES = ("gaussian", "anisotropic", "motion", "disk", "box")
IMAGES = np.random.default_rng(0).random((10, 24, 20, 3)).astype(np.float32)
BLURS = RandomBlurs(size=9)


def run(noise=(0.01, 0.1), seed=0, count=64, batches=IMAGES, **options):
    dataset = tf.data.Dataset.from_tensor_slices(batches).batch(4)
    made = degrade_randomly(dataset, BLURS, noise, seed, count, **options)
    return list(made.as_numpy_iterator())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [7, 25])
def test_every_family(family, size):
    bank = RandomBlurs([family], size).bank(12, seed=3)
    assert bank.shape == (12, size, size) and bank.dtype == np.float32
    np.testing.assert_allclose(bank.sum(axis=(1, 2)), 1.0, rtol=1e-5)
    assert bank.min() >= 0
    offsets = np.arange(size) - size // 2
    np.testing.assert_allclose([bank.sum(1) @ offsets, bank.sum(2) @ offsets], 0, atol=1e-5)
    if family != "box":
        assert len({k.tobytes() for k in bank}) == len(bank)


def test_a_kernel_depends_on_seed_and_index_alone():
    np.testing.assert_array_equal(BLURS.bank(5, seed=1)[4], RandomBlurs(size=9).draw(4, seed=1))
    assert np.abs(BLURS.draw(4, seed=1) - BLURS.draw(4, seed=2)).max() > 1e-3


def test_ranges_are_kept():
    wide = RandomBlurs(["gaussian"], std=(3.0, 3.0)).draw(0)
    np.testing.assert_allclose(wide, kernels.gaussian(25, 3.0), rtol=1e-5)
    disk = RandomBlurs(["disk"], size=9, radius=(2.5, 2.5)).draw(0)
    np.testing.assert_allclose(disk[2:7, 2:7], kernels.disk(2.5), rtol=1e-5)
    assert {int((k > 0).sum()) for k in RandomBlurs(["box"], box=(4, 7)).bank(20)} == {25, 49}
    assert RandomBlurs(["motion"], motion=(2, 3)).bank(20)[:, :9].max() == 0


def test_files_are_one_family_more(tmp_path):
    array = np.arange(1.0, 9.0).reshape(2, 4)
    np.save(tmp_path / "k.npy", array)
    kernel = RandomBlurs((), size=7, files=[tmp_path / "k.npy"]).draw(0)
    np.testing.assert_allclose(kernel[2:4, 1:5], array / 36, rtol=1e-6)
    x = IMAGES[:1].astype(np.float64)
    np.testing.assert_allclose(BlurFFT(kernel)(x), BlurFFT(array / 36)(x), atol=1e-6)
    drawn = RandomBlurs(["box"], size=7, files=[tmp_path / "k.npy"]).bank(20)
    assert 0 < sum(np.array_equal(k, kernel) for k in drawn) < 20


def test_measurements_are_blurred_by_their_kernels_and_as_noisy_as_they_say():
    for inputs, sharp in run():
        assert {k: v.shape for k, v in inputs.items()} == {
            "image": sharp.shape,
            "kernel": (len(sharp), 9, 9),
            "noise": (len(sharp),),
        }
        blurred = [BlurFFT(k)(x[None])[0] for k, x in zip(inputs["kernel"], sharp, strict=True)]
        noise = np.std(inputs["image"] - np.stack(blurred), axis=(1, 2, 3))
        np.testing.assert_allclose(noise, inputs["noise"], rtol=0.1)
    np.testing.assert_array_equal(np.concatenate([sharp for _, sharp in run()]), IMAGES)


def test_noise_is_uniform_in_its_logarithm():
    images = np.zeros((400, 9, 9, 1), np.float32)
    std = np.concatenate([i["noise"] for i, _ in run((0.001, 0.1), batches=images)])
    assert 0.001 <= std.min() < 0.0012 and 0.085 < std.max() <= 0.1
    assert np.mean(std < 0.01) == pytest.approx(0.5, abs=0.08)


def test_what_is_drawn_depends_on_seed_and_index_alone():
    first = run()
    for (a, _), (b, _) in zip(first, run(), strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    resumed = run(batches=IMAGES[4:], start=1)
    np.testing.assert_array_equal(resumed[0][0]["image"], first[1][0]["image"])
    other = run(seed=1)[0][0]
    assert all(np.abs(other[name] - first[0][0][name]).max() > 1e-3 for name in other)
    assert np.abs(first[1][0]["noise"] - first[0][0]["noise"]).min() > 0


def test_photographs_are_frames_that_nothing_wraps_into():
    (whole, sharp), (frame, shown) = run()[0], run(boundary="photo")[0]
    np.testing.assert_array_equal(frame["image"], whole["image"][:, 4:-4, 4:-4])
    np.testing.assert_array_equal(shown, sharp[:, 4:-4, 4:-4])


def test_a_share_is_told_wrong_as_users_tell():
    right, wrong = run(count=8), run(count=8, misjudged=0.5)
    told = [np.concatenate([i["noise"] for i, _ in batches]) for batches in (right, wrong)]
    off = np.log2(told[1] / told[0])
    moved = np.abs(off) > 1e-3
    assert 2 <= moved.sum() <= 8 and np.abs(off).max() <= 1
    images, kernels_ = (
        [np.concatenate([i[name] for i, _ in b]) for b in (right, wrong)]
        for name in ("image", "kernel")
    )
    stored = 255 * images[1][moved]
    np.testing.assert_allclose(stored, np.round(stored), atol=1e-4)
    for now, before in (images, kernels_):
        np.testing.assert_array_equal(now[~moved], before[~moved])
    which = [int(np.argmin(np.abs(BLURS.bank(8) - k).sum((1, 2)))) for k in kernels_[0][moved]]
    told_wrong = BLURS.bank(8, misjudged=True)[which]
    np.testing.assert_allclose(kernels_[1][moved], told_wrong, atol=1e-7)


def test_wrong_noise_grows_with_brightness_and_keeps_its_level_at_half():
    ramp = np.repeat(np.linspace(0.2, 0.8, 3), 40)[:, None, None]  # rows far from every edge
    images = np.broadcast_to(ramp, (64, 120, 40, 1)).astype(np.float32)
    made = run((0.05, 0.05), count=1, batches=images, misjudged=1.0)
    image = np.concatenate([i["image"] for i, _ in made])
    dark, grey, light = (image[:, 40 * i + 10 : 40 * i + 30].var() for i in range(3))
    assert grey == pytest.approx(0.05**2, rel=0.05)
    assert light - dark == pytest.approx(0.6 * 0.05**2, rel=0.2)  # of a mean share of 1/2


def test_a_share_is_in_linear_light():
    for (_, sharp), (inputs, light) in zip(run(), run(linear=0.5), strict=True):
        decoded = np.abs(light - srgb.decode(sharp)).max((1, 2, 3)) < 1e-5
        np.testing.assert_array_equal(light[~decoded], sharp[~decoded])
        blurred = BlurFFT(inputs["kernel"][0])(light[:1])[0]
        assert np.std(inputs["image"][0] - blurred) == pytest.approx(inputs["noise"][0], rel=0.1)
    lit = np.concatenate([light for _, light in run(linear=0.5)])
    assert 0 < (np.abs(lit - IMAGES).max((1, 2, 3)) > 1e-3).sum() < len(IMAGES)


def test_workers_draw_their_parts_of_what_one_would():
    whole = run()[0][0]
    sharp = tf.data.Dataset.from_tensor_slices(IMAGES)
    for i in range(2):
        half = sharp.skip(2 * i).batch(2).take(1)
        options = {"seed": 0, "count": 64, "shard": (2, i)}
        part, _ = next(iter(degrade_randomly(half, BLURS, (0.01, 0.1), **options)))
        for name, values in part.items():
            np.testing.assert_allclose(values, whole[name][2 * i : 2 * i + 2], atol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"families": ["blob"]}, r"must be among gaussian, .*Received: families=\['blob'\]"),
        ({"families": ()}, r"a family or a file. Received: families=\(\)"),
        ({"size": 8}, "`size` must be odd and >= 7. Received: size=8"),
        ({"std": (2.0, 1.0)}, r"`std` must be a range .*Received: std=\(2.0, 1.0\)"),
        ({"std": 1.0}, "`std` must be a range .*Received: std=1.0"),
        ({"size": 9, "radius": (1, 5)}, r"`radius` must be .* <= 4.5. Received: radius=\(1, 5\)"),
        ({"box": (4, 4.5)}, r"holds an odd side. Received: box=\(4, 4.5\)"),
        ({"size": 9, "motion": (1, 5)}, r"`motion` must be .* <= 4.0. Received: motion=\(1, 5\)"),
    ],
)
def test_refused_blurs(options, message):
    with pytest.raises(ValueError, match=message):
        RandomBlurs(**options)


def test_misjudged_kernels_are_near_the_true_ones():
    true = BLURS.bank(40)
    told = np.stack([BLURS.misjudged(i) for i in range(40)])
    assert told.shape == true.shape and told.dtype == np.float32
    np.testing.assert_allclose(told.sum((1, 2)), 1, atol=1e-5)
    error = np.abs(told - true).sum((1, 2))
    assert 1 <= (error < 1e-6).sum() < 12  # 0.4 * 0.5 * 0.7 of them are told right
    assert 0.1 < np.median(error) < 0.6
    np.testing.assert_array_equal(told[3], BLURS.misjudged(3))


def test_refused_files(tmp_path):
    np.save(tmp_path / "k.npy", np.ones((3, 8)))
    with pytest.raises(ValueError, match=r"fit into the size 7. Received: kernel=\(3, 8\)"):
        RandomBlurs(size=7, files=[tmp_path / "k.npy"])


def test_refused_data():
    for noise in ((0.0, 0.1), (0.2, 0.1), 0.1):
        with pytest.raises(ValueError, match="`noise` must be a range"):
            run(noise)
    for name in ("misjudged", "linear"):
        with pytest.raises(ValueError, match=rf"`{name}` must lie in \[0, 1\]. .*{name}=1.5"):
            run(**{name: 1.5})
    with pytest.raises(ValueError, match="`seed` must be >= 0. Received: seed=-1"):
        run(seed=-1)
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(ValueError, match="batches of images"):
        degrade_randomly(dataset, BLURS, (0.01, 0.1))
    with pytest.raises(ValueError, match="not be larger than the image"):
        degrade_randomly(dataset.batch(2), RandomBlurs(), (0.01, 0.1), count=1)
