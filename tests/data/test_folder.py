"""Folders of mixed images."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from tf_jfb.data import FolderSource, _remembered, _verdict, folder


@pytest.fixture
def photos(tmp_path):
    """Colour, grey in a subfolder, and colour with alpha; 6 x 8 pixels."""
    rng = np.random.default_rng(0)
    (tmp_path / "sub").mkdir()
    arrays = {"b.png": (6, 8, 3), "sub/c.png": (6, 8), "a.png": (6, 8, 4)}
    arrays = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in arrays.items()}
    for name, array in arrays.items():
        Image.fromarray(array).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path, arrays


def test_sorted_nested_and_in_colour(photos):
    path, arrays = photos
    source = FolderSource(path)
    assert [f.name for f in source.files] == ["a.png", "b.png", "c.png"]
    assert len(source) == 3 and source[0].dtype == np.float32
    np.testing.assert_allclose(source[0], arrays["a.png"][..., :3] / 255.0, atol=1e-6)
    np.testing.assert_allclose(source[1], arrays["b.png"] / 255.0, atol=1e-6)
    np.testing.assert_allclose(
        source[2], np.stack([arrays["sub/c.png"] / 255.0] * 3, -1), atol=1e-6
    )


def test_grey_weights_and_resize(photos):
    path, arrays = photos
    grey = FolderSource(path, channels=1)[1]
    expected = arrays["b.png"] / 255.0 @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey[..., 0], expected, atol=1e-6)
    assert FolderSource(path, size=4)[0].shape == (4, 4, 3)
    assert FolderSource(path, size=(3, 5))[0].shape == (3, 5, 3)


def test_data_set_yields_the_source(photos):
    images = list(folder(photos[0], size=4).as_numpy_iterator())
    source = FolderSource(photos[0], size=4)
    assert len(images) == 3
    for i, image in enumerate(images):
        np.testing.assert_array_equal(image, source[i])


def test_crop_is_the_middle(photos):
    images = list(folder(photos[0], crop=4).as_numpy_iterator())
    for i, image in enumerate(images):
        np.testing.assert_array_equal(image, FolderSource(photos[0])[i][1:5, 2:6])
    with pytest.raises(ValueError, match="`crop` must .* Received: crop=5, size=4"):
        folder(photos[0], size=4, crop=5)
    with (
        pytest.warns(UserWarning, match="Skipped 3 image.s. below 7: .*a.png"),
        pytest.raises(ValueError, match="not too small .*least=7"),
    ):
        folder(photos[0], crop=7)


def test_images_smaller_than_the_crop_are_left_out(photos):
    path, _ = photos
    Image.new("RGB", (3, 3)).save(path / "small.png")
    with pytest.warns(UserWarning, match="Skipped 1 image.s. below 4: .*small.png"):
        source = FolderSource(path, least=4)
    assert [f.name for f in source.files] == ["a.png", "b.png", "c.png"]
    assert len(FolderSource(path, size=4, least=4)) == 4  # enlarged


def test_a_folder_is_decoded_when_its_images_are_asked_for(photos, monkeypatch):
    calls = []
    monkeypatch.setattr(_verdict, "read_image", lambda path: calls.append(path))
    inspect = _verdict._raster.inspect
    monkeypatch.setattr(_verdict._raster, "inspect", lambda p: calls.append("header") or inspect(p))
    Image.new("RGB", (3, 3)).save(photos[0] / "new.png")  # a file that no verdict is known of
    for _ in range(2):
        assert len(FolderSource(photos[0])) == 4
    assert calls == ["header"] * 4


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Names of the files whose headers are read; a call begins another run, with the same cache."""
    names, inspect = [], _verdict._raster.inspect
    monkeypatch.setattr(
        _verdict._raster, "inspect", lambda p: names.append(os.path.basename(p)) or inspect(p)
    )
    monkeypatch.setenv("TF_JFB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_remembered, "FRESH", 0.0)

    def run(folder):
        names.clear()
        monkeypatch.setattr(_verdict, "_known", {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return len(FolderSource(folder)), sorted(names)

    return run


def test_what_is_known_of_files_is_kept_between_runs(photos, asked):
    path, _ = photos
    (path / "bad.png").write_text("no image")
    assert asked(path) == (3, ["a.png", "b.png", "bad.png", "c.png"])
    assert asked(path) == (3, ["bad.png"])
    status = os.stat(path / "a.png")
    content = (path / "a.png").read_bytes()
    (path / "a.png").write_bytes(b"x" * len(content))  # same size, same time
    os.utime(path / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert asked(path) == (2, ["a.png", "bad.png"])
    (path / "a.png").write_bytes(content)
    assert asked(path) == (3, ["a.png", "bad.png"]) and asked(path) == (3, ["bad.png"])


def test_files_that_have_just_changed_are_looked_at_again(photos, asked, monkeypatch):
    monkeypatch.setattr(_remembered, "FRESH", 3600.0)
    assert asked(photos[0])[1] == asked(photos[0])[1] == ["a.png", "b.png", "c.png"]


def test_a_cache_that_cannot_be_used_is_no_error(photos, asked, tmp_path, monkeypatch):
    names = ["a.png", "b.png", "c.png"]
    cache = tmp_path / "cache" / "images.sqlite"
    cache.parent.mkdir()
    cache.write_bytes(b"damaged" * 1000)
    assert asked(photos[0]) == (3, names)  # and made anew
    assert asked(photos[0]) in ((3, names), (3, [])) and asked(photos[0]) == (3, [])
    (tmp_path / "file").touch()
    for unusable in (tmp_path / "file", tmp_path / "file" / "below", ""):
        monkeypatch.setenv("TF_JFB_CACHE", str(unusable))
        assert asked(photos[0]) == asked(photos[0]) == (3, names)


def test_a_cache_is_bounded(photos, asked, monkeypatch):
    monkeypatch.setattr(_remembered, "MOST", 3)
    assert asked(photos[0])[0] == 3 and asked(photos[0])[1] == []
    Image.new("RGB", (3, 3)).save(photos[0] / "new.png")
    assert asked(photos[0])[1] == ["new.png"] and asked(photos[0])[1] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_cache_changes_no_value_and_keeps_to_its_size(photos, channels):
    options = {"channels": channels, "size": (5, 4)}
    plain, cached = FolderSource(photos[0], **options), FolderSource(photos[0], cache=70, **options)
    for _ in range(2):
        for i in range(3):
            np.testing.assert_array_equal(cached[i], plain[i])
    assert sum(kept.size for kept in cached._kept.values()) == 60  # 5 x 4 x 3, or one image
    cached.files = [None] * 3  # what is kept is not read again
    np.testing.assert_array_equal(cached[0], plain[0])


def test_truncated_jpegs_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.JPG").write_bytes(content[: len(content) // 2])
    (tmp_path / "c.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="Skipped 2 unreadable.*b.JPG.*c.jpg"):
        assert len(FolderSource(tmp_path)) == 1


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert FolderSource(tmp_path)[0].shape == (8, 4, 3)


def test_truncated_image_is_named_and_left_out(photos):
    path, _ = photos
    content = (path / "b.png").read_bytes()
    (path / "bad.png").write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match="Skipped 1 unreadable.*bad.png"):
        source = FolderSource(path)
    assert len(source) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source[2]


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="existing folder of images. Received: path="):
        FolderSource(tmp_path / "none")
    with pytest.raises(ValueError, match="at least one readable image"):
        FolderSource(tmp_path)
    with pytest.raises(ValueError, match="`size` must be >= 1. Received: size=0"):
        FolderSource(tmp_path, size=0)
    with pytest.raises(ValueError, match="`cache` must be .* Received: cache=-1"):
        FolderSource(tmp_path, cache=-1)
    with pytest.raises(ValueError, match="`channels` must be 1 or 3. Received: channels=2"):
        FolderSource(tmp_path, channels=2)
