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


def test_anisotropic():
    kernel = kernels.anisotropic(31, 4.0, 1.0, 30.0)
    assert kernel.sum() == pytest.approx(1.0)
    right, up = np.arange(31) - 15, 15 - np.arange(31)
    covariance = [
        [kernel.sum(0) @ right**2, up @ kernel @ right],
        [up @ kernel @ right, kernel.sum(1) @ up**2],
    ]
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(np.sqrt(values), [1.0, 4.0], rtol=1e-2)
    np.testing.assert_allclose(np.rad2deg(np.arctan(vectors[1, 1] / vectors[0, 1])), 30, rtol=1e-2)
    np.testing.assert_allclose(kernels.anisotropic(8, 1.5, 1.5, 20), kernels.gaussian(8, 1.5))


@pytest.mark.parametrize(
    "radius, side", [(0.3, 1), (0.5, 1), (0.6, 3), (1.5, 3), (1.6, 5), (6, 13)]
)
def test_disk_covers_its_area(radius, side):
    kernel = kernels.disk(radius)
    assert kernel.shape == (side, side)
    assert kernel.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1].T, atol=1e-15)
    if radius >= 0.8:  # the middle is covered whole
        assert 1 / kernel[side // 2, side // 2] == pytest.approx(np.pi * radius**2, rel=1e-3)
    if radius >= 3:  # a uniform disk has variance r^2 / 4 along an axis
        offsets = np.arange(side) - side // 2
        assert kernel.sum(0) @ offsets**2 == pytest.approx(radius**2 / 4, rel=0.02)


def test_stretched():
    wide = kernels.stretched(kernels.gaussian(25, 3.0), 1.1)
    assert wide.shape == (29, 29) and wide.sum() == pytest.approx(1)
    offsets = np.arange(29) - 14
    variance = (wide.sum(0) * offsets**2).sum()
    assert variance == pytest.approx((1.1 * 3) ** 2, rel=0.03)
    uneven = np.random.default_rng(0).random((4, 7))
    np.testing.assert_allclose(kernels.stretched(uneven, 1.0), uneven / uneven.sum())
    assert kernels.stretched(uneven, 0.5).shape == (4, 7)
    with pytest.raises(ValueError, match="`factor` must be a positive"):
        kernels.stretched(uneven, 0.0)


def test_shifted():
    uneven = np.random.default_rng(0).random((4, 7))
    np.testing.assert_allclose(kernels.shifted(uneven, 0, 0), uneven / uneven.sum())
    down = kernels.shifted(uneven, 1, 0)
    np.testing.assert_allclose(down[1:], uneven[:-1] / uneven[:-1].sum())
    half = kernels.shifted([[0, 0, 1, 0, 0]], 0, -0.5)
    np.testing.assert_allclose(half, [[0, 0.5, 0.5, 0, 0]])
    with pytest.raises(ValueError, match=r"`columns` must lie in \[-1, 1\].*columns=2"):
        kernels.shifted(uneven, 0, 2)


def test_line():
    np.testing.assert_allclose(kernels.line(5, 0), np.full((1, 5), 0.2))
    np.testing.assert_allclose(kernels.line(4, 90), np.array([[1, 2, 2, 2, 1]]).T / 8)
    np.testing.assert_allclose(kernels.line(0.5, 20), [[1.0]])
    for angle in (10.0, 45.0, 77.0, 135.0, -200.0):
        kernel = kernels.line(15, angle)
        assert kernel.sum() == pytest.approx(1) and kernel.shape[0] % 2 == kernel.shape[1] % 2 == 1
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
        rows, right = (np.arange(n) - n // 2 for n in kernel.shape)
        up = -rows
        moments = kernel.sum(0) @ right**2, up @ kernel @ right, kernel.sum(1) @ up**2
        turned = np.rad2deg(0.5 * np.arctan2(2 * moments[1], moments[0] - moments[2]))
        assert abs((turned - angle + 90) % 180 - 90) < 1.5
        # An even motion has variance length^2 / 12.
        assert moments[0] + moments[2] == pytest.approx(15**2 / 12, rel=0.03)


def test_airy():
    per_pixel = 0.61 * 0.52 / 1.2 / 0.02  # radius of the first dark ring in pixels
    kernel = kernels.airy(0.52, 0.02, numerical_aperture=1.2)
    middle = len(kernel) // 2
    profile = kernel[middle, middle : middle + 30]
    assert kernel.sum() == pytest.approx(1) and kernel.argmax() == kernel.size // 2
    assert np.argmin(profile[:20]) == round(per_pixel)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1].T)
    # Across a lens and a sensor the same pattern.
    np.testing.assert_allclose(kernels.airy(0.52, 0.02 * 20, f_number=20 / 2.4), kernel, rtol=1e-6)
    from scipy.special import j1

    special = (2 * j1(4.0) / 4.0) ** 2
    fine = kernels.airy(2 * np.pi, 0.004, numerical_aperture=1.0, size=2001)[1000]
    assert fine[2000] / fine[1000] == pytest.approx(special, rel=1e-3)


def test_box():
    np.testing.assert_array_equal(kernels.box(4), np.full((4, 4), 1 / 16))


@pytest.mark.parametrize("size", [1, 2, 9, 24, 25])
@pytest.mark.parametrize("seed", range(5))
def test_motion_is_centred_and_fills_the_array(size, seed):
    kernel, offsets = kernels.motion(size, seed), np.arange(size) - (size - 1) / 2
    assert kernel.shape == (size, size)
    assert kernel.sum() == pytest.approx(1.0)
    assert kernel.min() >= 0
    np.testing.assert_allclose([kernel.sum(0) @ offsets, kernel.sum(1) @ offsets], 0, atol=1e-12)
    assert max(kernel[[0, -1]].max(), kernel[:, [0, -1]].max()) > 0
    np.testing.assert_array_equal(kernels.motion(size, seed), kernel)


def test_motion_options():
    still = np.zeros((9, 9))
    still[4, 4] = 1.0
    np.testing.assert_allclose(kernels.motion(9, 0, extent=0), still, atol=1e-15)
    small = kernels.motion(25, 0, extent=4.0)
    assert small[8:17, 8:17].sum() == pytest.approx(1.0)
    assert (kernels.motion(25, 1) > 0).sum() < (kernels.motion(25, 1, smoothness=0.05) > 0).sum()
    assert np.abs(kernels.motion(25, 0) - kernels.motion(25, 1)).max() > 0.01


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: kernels.anisotropic(5, 1.0, 0.0, 0), "`std2` must be .* Received: std2=0.0"),
        (lambda: kernels.anisotropic(5, 1.0, 1.0, np.inf), "`angle` must be a finite"),
        (lambda: kernels.line(0, 0), "`length` must be a positive number of pixels"),
        (lambda: kernels.line(3, np.nan), "`angle` must be a finite"),
        (lambda: kernels.airy(0.5, 0.1), "Either `numerical_aperture` or `f_number`"),
        (lambda: kernels.airy(0.5, 0.1, 1.0, 2.0), "Either `numerical_aperture` or `f_number`"),
        (lambda: kernels.airy(0.5, 0.1, 1.2, size=4), "`size` must be an odd integer"),
        (lambda: kernels.airy(500, 0.1, 1.2), r"in one unit\? Received: size=254"),
        (lambda: kernels.airy(0.5, 100, 1.22), "`pixel` must be at most 20 .*, 0.2499"),
        (lambda: kernels.disk(-1), "`radius` must be a positive number of pixels"),
        (lambda: kernels.box(0), "`size` must be an integer >= 1. Received: size=0"),
        (lambda: kernels.parse("disk:1e9"), "`radius` must be at most 1000.5. Received: radius"),
        (
            lambda: kernels.parse("gaussian:1000001:3"),
            "`size` must be at most 2001. Received: size",
        ),
        (lambda: kernels.parse("box:1000001"), "`size` must be at most 2001"),
        (lambda: kernels.parse("shake:1000001:3"), "`size` must be at most 2001"),
        (lambda: kernels.parse("line:1e9:3"), "`length` must be at most 2001"),
        (lambda: kernels.anisotropic(10**6, 1.0, 2.0, 0), "`size` must be at most 2001"),
        (lambda: kernels.stretched(np.ones((3, 3)), 1e6), "`factor` must be at most 667"),
        (lambda: kernels.stretched(np.eye(11)[[0]] + np.eye(11)[[10]], 0.5), "`factor` must leave"),
        (lambda: kernels.check_kernel(np.ones((3, 3)) + 1j), "`kernel` must hold real numbers"),
        (
            lambda: kernels.of_images([kernels.box(3), kernels.box(5)], 2),
            r"must hold arrays of one size.*Received: shapes=\[\(3, 3\), \(5, 5\)\]",
        ),
        (lambda: kernels.check_kernel([[1j]]), "`kernel` must hold real numbers"),
        (lambda: kernels.motion(5, -1), "`seed` must be an integer >= 0. Received: seed=-1"),
        (lambda: kernels.motion(5, 0, 3), r"`extent` must lie in \[0, 2.0\].*extent=3"),
        (lambda: kernels.motion(5, 0, smoothness=0), "`smoothness` must be a positive number"),
    ],
)
def test_families_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


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


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 2 1\n", [[1, 2, 1]]),
        ("1\n2\n1\n", [[1], [2], [1]]),
        ("# of a lens\n0.5, 2,1.5,\n1,2,1\n", [[0.5, 2, 1.5], [1, 2, 1]]),
        ("1;2\n3;2\n", [[1, 2], [3, 2]]),
        ("\ufeff1e0\t2\n", [[1, 2]]),
        ("# one; two, three\n 1 , 2 \n3,2 ,\n", [[1, 2], [3, 2]]),
    ],
)
def test_tables(tmp_path, text, expected):
    (tmp_path / "k.csv").write_text(text, encoding="utf-8")
    expected = np.array(expected) / np.sum(expected)
    np.testing.assert_allclose(kernels.load(tmp_path / "k.csv"), expected)


@pytest.mark.parametrize(
    "text, line",
    [
        (",1,2\n,3,4\n,1,2\n", 1),
        ("# of, , a lens\n1,2,3\n1;;3", 3),
        ("1,2\n3,4,,\n", 2),
        ("1\n,\n", 2),
    ],
)
def test_tables_with_empty_fields_are_refused(tmp_path, text, line):
    (tmp_path / "k.csv").write_text(text.replace(";", ","))
    with pytest.raises(ValueError, match=rf"line {line} has an empty field.*path='.*k.csv'"):
        kernels.load(tmp_path / "k.csv")


def test_files_of_complex_numbers_are_refused(tmp_path):
    np.save(tmp_path / "k.npy", np.fft.fft2(np.ones((3, 3))))
    pytest.importorskip("scipy.io").savemat(tmp_path / "k.mat", {"k": np.full((3, 3), 1 + 1j)})
    for name in ("k.npy", "k.mat"):
        with pytest.raises(ValueError, match="`kernel` must hold real numbers"):
            kernels.load(tmp_path / name)


@pytest.mark.parametrize(
    "text, names",
    [
        ("0,5;1,5", "commas and semicolons"),
        ("0,1\t0,2\t0,1\n", "commas and blanks"),
        ("0,1 0,2\n0,2 0,4\n", "commas and blanks"),
        ("1 2\n0,2\n", "commas and blanks"),
    ],
)
def test_tables_that_may_mean_two_things_are_refused(tmp_path, text, names):
    (tmp_path / "k.txt").write_text(text)
    with pytest.raises(ValueError, match=f"both {names}: which is decimal"):
        kernels.load(tmp_path / "k.txt")


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_scientific_files_keep_their_values(tmp_path, dtype):
    import tifffile

    fits = pytest.importorskip("astropy.io.fits")
    array = np.array([[0, 70, 5], [3, 5000, 9]], dtype)
    array = array - 4 if dtype.startswith("float") else array  # ringing is kept
    tifffile.imwrite(tmp_path / "k.tif", array)
    fits.writeto(tmp_path / "k.fits", array)
    for name in ("k.tif", "k.fits"):
        np.testing.assert_allclose(kernels.load(tmp_path / name), array / array.sum(), rtol=1e-6)
    tifffile.imwrite(tmp_path / "z.tif", np.ones((3, 8, 8), dtype), photometric="minisblack")
    with pytest.raises(ValueError, match=r"cannot be used \(it holds 3 images\)"):
        kernels.load(tmp_path / "z.tif")


def test_matlab_files(tmp_path):
    scipy, h5py = pytest.importorskip("scipy.io"), pytest.importorskip("h5py")
    array = np.array([[1.0, 2.0, 0.0], [3.0, 2.0, 0.0]])
    scipy.savemat(tmp_path / "k.mat", {"psf": array, "pixel": 0.1, "name": "a lens"})
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["psf"] = array.T
    with open(tmp_path / "new.mat", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")
    for name in ("k.mat", "new.mat", "k.mat:psf"):
        np.testing.assert_allclose(kernels.parse(str(tmp_path / name)), array / 8)
    with pytest.raises(ValueError, match=r"FILE.mat:NAME. Received: arrays=\['psf'\]"):
        kernels.parse(str(tmp_path / "k.mat:otf"))


def test_parse(tmp_path):
    np.testing.assert_array_equal(kernels.parse("gaussian:5:1.5"), kernels.gaussian(5, 1.5))
    np.testing.assert_array_equal(
        kernels.parse("gaussian:5:2:1:45"), kernels.anisotropic(5, 2.0, 1.0, 45.0)
    )
    np.testing.assert_array_equal(kernels.parse("disk:2.5"), kernels.disk(2.5))
    np.testing.assert_array_equal(kernels.parse("box:3"), kernels.box(3))
    np.testing.assert_array_equal(kernels.parse("line:9:30"), kernels.line(9.0, 30.0))
    assert "a random camera shake" in kernels.forms() and "line:LENGTH:ANGLE" in kernels.forms()
    np.testing.assert_array_equal(kernels.parse("motion:9:7"), kernels.motion(9, 7))
    np.save(tmp_path / "k.npy", np.ones((2, 2)))
    np.testing.assert_array_equal(kernels.parse(str(tmp_path / "k.npy")), np.full((2, 2), 0.25))


@pytest.mark.parametrize(
    "text, form",
    [
        *[
            (t, "SIZE:STD or ")
            for t in ("gaussian:5", "gaussian:a:1", "gaussian:5:1:2", "gaussian")
        ],
        ("disk", "RADIUS"),
        ("disk:", "RADIUS"),
        ("box:2.5", "SIZE"),
        (
            "motion:5:1:2",
            "SIZE:SEED .a random camera shake .*a straight motion is line:LENGTH:ANGLE",
        ),
        ("line:5", "LENGTH:ANGLE"),
    ],
)
def test_parse_refuses(text, form):
    name = text.split(":")[0]
    with pytest.raises(ValueError, match=f"written {name}:{form}.*Received: kernel='{text}'"):
        kernels.parse(text)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".txt", ".png", ".tif", ".mat"])
def test_unreadable_files(tmp_path, suffix):
    path = tmp_path / f"k{suffix}"
    path.write_text("not a kernel")
    with pytest.raises(ValueError, match=f"must be a readable {suffix} file .*Received: path="):
        kernels.load(path)


def test_refused_files(tmp_path):
    with pytest.raises(ValueError, match="must end in one of .*.npy"):
        kernels.load("kernel.doc")
    np.save(tmp_path / "one.npy", np.ones((2, 2)))
    with pytest.raises(ValueError, match="Only .npz and .mat files hold arrays by name"):
        kernels.load(tmp_path / "one.npy", "a")
    with pytest.raises(ValueError, match="must exist"):
        kernels.load(tmp_path / "absent.npy")
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    for name in ("two.npz", "two.npz:c"):
        with pytest.raises(ValueError, match=r"FILE.npz:NAME. Received: arrays=\['a', 'b'\]"):
            kernels.parse(str(tmp_path / name))
    np.testing.assert_array_equal(kernels.parse(str(tmp_path / "two.npz:b")), np.full((2, 2), 0.25))


def test_separate():
    assert len(kernels.separate(kernels.gaussian(7, 2.0))) == 1
    full = np.random.default_rng(0).random((4, 6))
    terms = kernels.separate(full)
    assert len(terms) == 4
    np.testing.assert_allclose(sum(np.outer(u, v) for u, v in terms), full, atol=1e-14)
