"""Images from any folder: nested, of mixed formats, sizes and colour modes."""

import pathlib
import warnings

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.data.image_io import EXTENSIONS, read_image


class FolderSource:
    """The images below a folder, in sorted order; `source[i]` is float32 [H, W, C] in [0, 1].

    Files that cannot be decoded are named in a warning, once, when the source is made, and left
    out. Alpha is dropped, grey becomes colour (or colour grey, for `channels=1`), EXIF
    orientation is applied.

    Args:
        path: the folder.
        size: (height, width) or a side, to resize to (bilinear, antialiased); None keeps sizes.
        channels: 1 or 3.
        files: the files to use instead of all images below `path`.

    Raises:
        ValueError: no such folder, or no readable image in it.
    """

    def __init__(self, path, size=None, channels: int = 3, files=None):
        path = pathlib.Path(path)
        check(path.is_dir(), "`path` must be an existing folder of images.", path=str(path))
        check(channels in (1, 3), "`channels` must be 1 or 3.", channels=channels)
        self.size = (size, size) if isinstance(size, int) else size
        self.channels = channels
        self.files = _readable(list_images(path) if files is None else files)
        check(
            bool(self.files),
            f"`path` must hold at least one readable image ({', '.join(sorted(EXTENSIONS))}).",
            path=str(path),
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> np.ndarray:
        return to_channels(read_image(self.files[index], size=self.size).pixels, self.channels)


def folder(path, size=None, channels: int = 3) -> tf.data.Dataset:
    """The images of `FolderSource(path, size, channels)` once, in order, one by one."""
    source = FolderSource(path, size, channels)
    height, width = source.size or (None, None)
    return tf.data.Dataset.from_generator(
        lambda: (source[i] for i in range(len(source))),
        output_signature=tf.TensorSpec([height, width, channels], tf.float32),
    )


def list_images(path) -> list:
    """Files below `path` with an image's extension, sorted."""
    return sorted(p for p in pathlib.Path(path).rglob("*") if p.suffix.lower() in EXTENSIONS)


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 1 or 3] as `channels` channels; grey is the mean with Rec. 601 weights."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)


def _readable(files) -> list:
    """Without the files whose header cannot be decoded, which are named in a warning."""
    good, bad = [], []
    for file in files:
        (good if _opens(file) else bad).append(file)
    if bad:
        warnings.warn(
            f"Skipped {len(bad)} unreadable image(s): " + ", ".join(str(f) for f in bad),
            stacklevel=3,
        )
    return good


def _opens(file) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as image:
            image.draft("RGB", (1, 1))  # JPEG: decode an eighth, still detects truncation
            image.load()
        return True
    except (OSError, SyntaxError, ValueError):
        return False
