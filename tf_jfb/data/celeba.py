"""CelebA at the paper's resolution and split."""

import pathlib
import socket

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.data.folder import FolderSource, list_images, split_folder

TRAIN_SHARE = 0.8
_SERVER = ("drive.google.com", 443)


def celeba(
    path=None, split: str = "train", size: int = 128, download: bool = False, cache: int = 0
):
    """CelebA faces as an indexable source of float32 [size, size, 3] in [0, 1].

    Args:
        path: a folder of CelebA JPEGs. With subfolders `train` and `test` (or another usual name),
            those are the splits; otherwise the first 80 % of the sorted files train and the rest
            test, as in the paper when pointed at its 10,000 images. None takes
            tensorflow-datasets' `celeb_a`.
        split: "train" or "test".
        size: side after the bilinear, antialiased resize, >= 1.
        download: without `path`, fetch and prepare the data set (1.4 GB) if it is not yet there.
        cache: of images in `path`, bytes of decoded images to keep, as in `FolderSource`.

    Raises:
        ValueError: an argument is outside its range, or the folder does not exist, lacks the
            split or holds no image.
        RuntimeError: without `path`, when tensorflow-datasets is not installed, or the data set is
            not prepared and must not be or cannot be downloaded.
    """
    check(split in ("train", "test"), "`split` must be 'train' or 'test'.", split=split)
    check(size >= 1, "`size` must be >= 1.", size=size)
    if path is None:
        return _TfdsSource(split, size, download)
    path = pathlib.Path(path)
    check(path.is_dir(), "`path` must be an existing folder of CelebA images.", path=str(path))
    below = split_folder(path, split)  # refuses one split's folder without the other's
    if below != path:
        return FolderSource(below, size, cache=cache)
    files = list_images(path)
    cut = int(TRAIN_SHARE * len(files))
    files = files[:cut] if split == "train" else files[cut:]
    return FolderSource(path, size, files=files, cache=cache)


class _TfdsSource:
    """`celeb_a` through tensorflow-datasets' random access."""

    def __init__(self, split, size, download):
        try:
            import tensorflow_datasets as tfds
        except ImportError:
            raise RuntimeError(
                "CelebA of tensorflow-datasets needs the extra `data` (pip install tf_jfb[data]); "
                "or pass the folder of a local copy as `path`."
            ) from None

        builder = tfds.builder("celeb_a", file_format="array_record")
        if not builder.data_path.exists():
            _check_download(download)
            builder.download_and_prepare(file_format="array_record")
        self.examples, self.size = builder.as_data_source(split), size

    @property
    def sizes(self) -> list:
        return [(self.size, self.size)] * len(self)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> np.ndarray:
        image = self.examples[index]["image"]
        return (tf.image.resize(image, (self.size, self.size), antialias=True) / 255.0).numpy()


def _check_download(download: bool) -> None:
    """Refuses what was not asked for, and what would hang for minutes without a network."""
    if not download:
        raise RuntimeError(
            "CelebA is not prepared on this machine. Pass the folder of a local copy as `path`, "
            "or fetch it once by `tf_jfb.data.celeba(download=True)` (1.4 GB)."
        )
    try:
        socket.create_connection(_SERVER, timeout=5).close()
    except OSError:
        raise RuntimeError(
            "CelebA cannot be downloaded: its server does not answer. Pass the folder of a local "
            "copy as `path`."
        ) from None
