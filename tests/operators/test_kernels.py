"""Kernels made, read and refused."""

import numpy as np
import pytest

from tf_jfb.operators import kernels


def test_gaussian():
    kernel = kernels.gaussian(5, 1.5)
    offsets = np.arange(-2, 3)
    assert kernel.sum() == pytest.approx(1.0)
    expected = np.exp(-(offsets**2) / (2 * 1.5**2))
    np.testing.assert_allclose(kernel[2] / kernel[2, 2], expected)
    np.testing.assert_array_equal(kernel, kernel[::-1, ::-1].T)


def test_gaussian_of_a_tiny_std_is_an_impulse():
    np.testing.assert_array_equal(kernels.gaussian(3, 1e-200)[1], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(kernels.gaussian(4, 1e-3)[1], [0.0, 0.25, 0.25, 0.0])


@pytest.mark.parametrize("size, std", [(0, 1.0), (2.5, 1.0), (True, 1.0), (5, 0.0), (5, np.nan)])
def test_gaussian_refuses(size, std):
    with pytest.raises(ValueError, match="`(size|std)` must be .* Received: (size|std)="):
        kernels.gaussian(size, std)


def test_arrays_are_read_and_normalised(tmp_path):
    array = np.array([[1.0, 2.0], [3.0, 2.0]])
    np.save(tmp_path / "k.npy", array)
    np.savez(tmp_path / "k.npz", psf=array)
    np.savetxt(tmp_path / "k.TXT", array)
    for name in ("k.npy", "k.npz", "k.TXT"):
        np.testing.assert_allclose(kernels.load(tmp_path / name), array / 8)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_images_are_read_as_grey_levels(tmp_path, mode):
    image = pytest.importorskip("PIL.Image")
    array = np.array([[0, 200, 100], [40, 0, 60]])
    depth = np.uint16 if mode == "I;16" else np.uint8
    pixels = image.fromarray(array.astype(depth))
    (pixels if mode == "I;16" else pixels.convert(mode)).save(tmp_path / "k.png")
    np.testing.assert_allclose(kernels.load(tmp_path / "k.png"), array / 400, atol=1e-6)


def test_parse(tmp_path):
    np.testing.assert_array_equal(kernels.parse("gaussian:5:1.5"), kernels.gaussian(5, 1.5))
    np.save(tmp_path / "k.npy", np.ones((2, 2)))
    np.testing.assert_array_equal(kernels.parse(str(tmp_path / "k.npy")), np.full((2, 2), 0.25))


@pytest.mark.parametrize("text", ["gaussian:5", "gaussian:a:1", "gaussian:5:1:2", "gaussian"])
def test_parse_refuses(text):
    with pytest.raises(ValueError, match=f"gaussian:SIZE:STD.*Received: kernel='{text}'"):
        kernels.parse(text)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".txt", ".png"])
def test_unreadable_files(tmp_path, suffix):
    path = tmp_path / f"k{suffix}"
    path.write_text("not a kernel")
    with pytest.raises(ValueError, match=f"must be a readable {suffix} file. Received: path="):
        kernels.load(path)


def test_refused_files(tmp_path):
    with pytest.raises(ValueError, match="must end in one of .*.npy"):
        kernels.load("kernel.tif")
    with pytest.raises(ValueError, match="must exist"):
        kernels.load(tmp_path / "absent.npy")
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    with pytest.raises(ValueError):
        kernels.load(tmp_path / "two.npz")


def test_separate():
    assert len(kernels.separate(kernels.gaussian(7, 2.0))) == 1
    full = np.random.default_rng(0).random((4, 6))
    terms = kernels.separate(full)
    assert len(terms) == 4
    np.testing.assert_allclose(sum(np.outer(u, v) for u, v in terms), full, atol=1e-14)
