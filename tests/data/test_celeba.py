"""CelebA's splits and sizes, from folders; never over the network."""

import functools
import sys
import types

import numpy as np
import pytest
from PIL import Image

from tf_jfb.data import celeba

module = sys.modules["tf_jfb.data.celeba"]  # the package's attribute of that name is the function


def fill(path, names):
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        array = np.random.default_rng(int(name)).integers(0, 256, (22, 18, 3), np.uint8)
        Image.fromarray(array).save(path / f"{name}.jpg")


def test_first_four_fifths_train(tmp_path):
    fill(tmp_path, [f"{i:06d}" for i in range(1, 11)])
    train, test = (celeba(tmp_path, split, size=8) for split in ("train", "test"))
    assert [f.stem for f in train.files] == [f"{i:06d}" for i in range(1, 9)]
    assert [f.stem for f in test.files] == ["000009", "000010"]
    assert train[0].shape == (8, 8, 3) and train[0].min() >= 0 and train[0].max() <= 1


def test_a_damaged_file_does_not_move_the_split(tmp_path):
    fill(tmp_path, [f"{i:06d}" for i in range(1, 11)])
    (tmp_path / "000001.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="000001.jpg"):
        assert len(celeba(tmp_path, "train", size=8)) == 7
    assert len(celeba(tmp_path, "test", size=8)) == 2


def test_subfolders_are_the_splits(tmp_path):
    fill(tmp_path / "train", ["000001", "000002"])
    with pytest.raises(ValueError, match=r"a test one is named test or .*folders=\['train'\]"):
        celeba(tmp_path, "test")  # not a share of the training images
    fill(tmp_path / "test", ["000003"])
    assert [f.stem for f in celeba(tmp_path, "train").files] == ["000001", "000002"]
    assert [f.stem for f in celeba(tmp_path, "test").files] == ["000003"]


def test_default_size_and_antialiasing(tmp_path):
    stripes = np.zeros((218, 178, 3), np.uint8)
    stripes[::2] = 255
    Image.fromarray(stripes).save(tmp_path / "000001.png")
    Image.fromarray(stripes).save(tmp_path / "000002.png")
    image = celeba(tmp_path)[0]
    assert image.shape == (128, 128, 3)
    assert np.abs(image[8:-8] - 0.5).max() < 0.25  # sampling without a filter would give 0 and 1


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="`split` must .* Received: split='validation'"):
        celeba(tmp_path, "validation")
    with pytest.raises(ValueError, match="`size` must be >= 1. Received: size=0"):
        celeba(tmp_path, size=0)
    with pytest.raises(ValueError, match="`path` must be an existing folder"):
        celeba(tmp_path / "none")
    with pytest.raises(ValueError, match="at least one readable image"):
        celeba(tmp_path)


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """A stand-in for tensorflow-datasets whose `celeb_a` is prepared once `data` exists."""

    class Builder:
        data_path = tmp_path / "data"

        def download_and_prepare(self, **_):
            raise AssertionError("downloads")

        def as_data_source(self, split):
            return [{"image": np.full((218, 178, 3), 255, np.uint8)}] * {"train": 3, "test": 1}[
                split
            ]

    fake = types.ModuleType("tensorflow_datasets")
    fake.builder = lambda name, **_: Builder()
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", fake)
    return Builder


def test_prepared_data_set(datasets):
    datasets.data_path.mkdir()
    source = celeba(split="train", size=16)
    assert len(source) == 3 and len(celeba(split="test")) == 1
    np.testing.assert_allclose(source[0], np.ones((16, 16, 3)), atol=1e-6)


def test_nothing_is_downloaded_unasked(datasets):
    with pytest.raises(RuntimeError, match="not prepared on this machine.*download=True"):
        celeba()


def test_without_tensorflow_datasets_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(RuntimeError, match=r"tf_jfb\[data\]\); or pass the folder"):
        celeba()


def test_download_without_a_network_fails_at_once(datasets, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(module.socket, "create_connection", refuse)
    with pytest.raises(RuntimeError, match="server does not answer"):
        celeba(download=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package's own dependencies
def test_prepared_and_read_by_the_real_package(tmp_path, monkeypatch):
    """tensorflow-datasets itself, with three faces of noise in place of the archive."""
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = functools.partial(tfds.builder, data_dir=str(tmp_path))
    kind = type(builder("celeb_a"))
    images = np.random.default_rng(0).integers(0, 256, (3, 218, 178, 3), np.uint8)

    def examples(self):
        for i, image in enumerate(images):
            named = [(k, v) for k, v in self.info.features.items() if k != "image"]
            yield i, {"image": image, **{k: dict.fromkeys(v, 0) for k, v in named}}

    def splits(self, _):
        return {"train": examples(self), "test": examples(self)}

    monkeypatch.setattr(kind, "_split_generators", splits)
    monkeypatch.setattr(tfds, "builder", builder)
    monkeypatch.setattr(module, "_check_download", lambda download: None)
    celeba(download=True)
    source = celeba(split="test", size=16)  # from the disk now
    assert len(source) == 3
    got = np.sort([source[i].mean() for i in range(3)])
    np.testing.assert_allclose(got, np.sort(images.mean((1, 2, 3)) / 255), atol=5e-3)
