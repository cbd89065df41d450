"""Images from any folder: nested, of mixed formats, sizes and colour modes."""

import concurrent.futures
import pathlib
import warnings

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.data import _deep
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
        cache: bytes of decoded 8-bit images to keep in memory; what does not fit is decoded every
            time. 8,000 images of 128 x 128 in colour take 393 MB. The images are the same.

    Raises:
        ValueError: no such folder, no readable image in it, or an argument outside its range.
    """

    def __init__(self, path, size=None, channels: int = 3, files=None, cache: int = 0):
        path = pathlib.Path(path)
        check(path.is_dir(), "`path` must be an existing folder of images.", path=str(path))
        check(channels in (1, 3), "`channels` must be 1 or 3.", channels=channels)
        check(cache >= 0, "`cache` must be a number of bytes >= 0.", cache=cache)
        self.size = (size, size) if isinstance(size, int) else size
        check(self.size is None or min(self.size) >= 1, "`size` must be >= 1.", size=size)
        self.channels = channels
        self.files = _readable(list_images(path) if files is None else files)
        check(
            bool(self.files),
            f"`path` must hold at least one readable image ({', '.join(sorted(EXTENSIONS))}).",
            path=str(path),
        )
        self._room, self._kept = cache, {}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> np.ndarray:
        kept = self._kept.get(index)
        if kept is not None:
            return to_channels(kept.astype(np.float32) / 255.0, self.channels)
        photo = read_image(self.files[index], size=self.size)
        if photo.bits == 8 and photo.pixels.size <= self._room:
            # Threads may race for the last room: one image too many at most.
            self._room -= photo.pixels.size
            self._kept[index] = np.round(photo.pixels * 255.0).astype(np.uint8)
        return to_channels(photo.pixels, self.channels)


def folder(path, size=None, crop=None, channels: int = 3) -> tf.data.Dataset:
    """The images of `FolderSource(path, size, channels)` once, in order, one by one.

    `crop`, a side, takes the square in the middle, after any resize.

    Raises ValueError as `FolderSource` does, or if the crop does not fit into `size`; an image
    smaller than the crop ends the iteration with that error.
    """
    source = FolderSource(path, size, channels)
    check(
        crop is None or 1 <= crop <= min(source.size or (crop,)),
        "`crop` must be >= 1 and fit into `size`.",
        crop=crop,
        size=size,
    )
    height, width = (crop, crop) if crop else source.size or (None, None)
    return tf.data.Dataset.from_generator(
        lambda: (_crop(source[i], crop) for i in range(len(source))),
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


def split_folder(path, split: str) -> pathlib.Path:
    """The subfolder of `path` that holds "train" or "test" ("val" too), or `path` where none is."""
    path = pathlib.Path(path)
    within = [path / name for name in {"train": ("train",), "test": ("test", "val")}[split]]
    return next((folder for folder in within if folder.is_dir()), path)


def centre(image: np.ndarray, side: int) -> np.ndarray:
    """The square in the middle of an image [H, W, C]: of `side`, or less where that is too much."""
    height, width = image.shape[:2]
    side = min(side, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _crop(image, crop):
    if crop is None:
        return image
    check(
        crop <= min(image.shape[:2]),
        "`crop` must fit into every image.",
        crop=crop,
        image=image.shape[:2],
    )
    return centre(image, crop)


def _readable(files) -> list:
    """Without the files that cannot be decoded, which are named in a warning."""
    files = list(files)
    with concurrent.futures.ThreadPoolExecutor() as pool:  # decoders run without Python's lock
        readable = list(pool.map(_opens, files))
    bad = [file for file, ok in zip(files, readable, strict=True) if not ok]
    if bad:
        warnings.warn(
            f"Skipped {len(bad)} unreadable image(s): " + ", ".join(str(f) for f in bad),
            stacklevel=3,
        )
    return [file for file, ok in zip(files, readable, strict=True) if ok]


def _opens(file) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as image:
            image.draft("RGB", (1, 1))  # JPEG: decode an eighth, still detects truncation
            image.load()
            return _deep.refusal(image, file) is None
    except Exception:  # decoders raise nearly anything on a damaged file
        return False
