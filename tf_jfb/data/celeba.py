"""CelebA at the paper's resolution and split."""

import pathlib
import socket

from tf_jfb._validate import check
from tf_jfb.data.folder import FolderSource, list_images

TRAIN_SHARE = 0.8


def celeba(path=None, split: str = "train", size: int = 128):
    """CelebA faces as an indexable source of float32 [size, size, 3] in [0, 1].

    Args:
        path: a folder of CelebA JPEGs. With subfolders `train` and `test`, those are the splits;
            otherwise the first 80 % of the sorted files train and the rest test, as in the paper
            when pointed at its 10,000 images. None takes tensorflow-datasets' `celeb_a`.
        split: "train" or "test".
        size: side after the bilinear, antialiased resize.

    Raises:
        ValueError: `split` is unknown, or the folder does not exist or holds no image.
        RuntimeError: without `path`, when the data set is neither prepared nor reachable.
    """
    check(split in ("train", "test"), "`split` must be 'train' or 'test'.", split=split)
    if path is None:
        return _TfdsSource(split, size)
    path = pathlib.Path(path)
    check(path.is_dir(), "`path` must be an existing folder of CelebA images.", path=str(path))
    if (path / split).is_dir():
        return FolderSource(path / split, size)
    files = list_images(path)
    cut = int(TRAIN_SHARE * len(files))
    return FolderSource(path, size, files=files[:cut] if split == "train" else files[cut:])


class _TfdsSource:
    """`celeb_a` through tensorflow-datasets' random access."""

    def __init__(self, split, size):
        import tensorflow_datasets as tfds

        builder = tfds.builder("celeb_a", file_format="array_record")
        if not builder.data_path.exists():
            _check_network()
            builder.download_and_prepare(file_format="array_record")
        self.examples, self.size = builder.as_data_source(split), size

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, index):
        import tensorflow as tf

        image = tf.image.resize(
            self.examples[index]["image"], (self.size, self.size), antialias=True
        )
        return (image / 255.0).numpy()


def _check_network() -> None:
    """tensorflow-datasets hangs for minutes without a network: look first."""
    try:
        socket.create_connection(("drive.google.com", 443), timeout=5).close()
    except OSError:
        raise RuntimeError(
            "CelebA is not prepared on this machine and its server cannot be reached. Pass the "
            "folder of a local copy as `path`, or run `tfds build celeb_a` with a network."
        ) from None
