"""Images from any folder: nested, of mixed formats, sizes and colour modes."""

import pathlib
import warnings

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.data._listing import list_images
from tf_jfb.data._verdict import verdicts
from tf_jfb.data.image_io import EXTENSIONS, read_image

NAMED = 20  # files of a warning
SPLITS = {  # names of folders, the first found counts
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation", "eval", "dev"),
}


class FolderSource:
    """The images below a folder, in sorted order; `source[i]` is float32 [H, W, C] in [0, 1].

    Files that cannot be used are named in a warning, when the source is made, and left out; headers
    tell, and what they told of a file is not asked again, in later runs neither: it is kept in the
    folder of the environment variable TF_JFB_CACHE (empty for none), by default `tf_jfb` in the
    user's cache folder. Alpha is dropped, grey becomes colour (or colour grey, for `channels=1`),
    EXIF orientation is applied.

    Args:
        path: the folder.
        size: (height, width) or a side, to resize to (bilinear, antialiased); None keeps sizes.
        channels: 1 or 3.
        files: the files to use instead of all images below `path`.
        cache: bytes of decoded 8-bit images to keep in memory; what does not fit is decoded every
            time. 8,000 images of 128 x 128 in colour take 393 MB. The images are the same.
        least: without `size`, images with a shorter side are left out too, with a warning.

    Raises:
        ValueError: no such folder, no usable image in it, or an argument outside its range; of
            an item, its file is damaged in a way that its header did not tell.
    """

    def __init__(
        self, path, size=None, channels: int = 3, files=None, cache: int = 0, *, least: int = 1
    ):
        path = pathlib.Path(path)
        check(path.is_dir(), "`path` must be an existing folder of images.", path=str(path))
        check(channels in (1, 3), "`channels` must be 1 or 3.", channels=channels)
        check(cache >= 0, "`cache` must be a number of bytes >= 0.", cache=cache)
        self.size = (size, size) if isinstance(size, int) else size
        check(self.size is None or min(self.size) >= 1, "`size` must be >= 1.", size=size)
        self.channels = channels
        check(least >= 1, "`least` must be a number of pixels >= 1.", least=least)
        files = list_images(path) if files is None else files
        usable = _usable(files, least if self.size is None else 1)
        self.files = [file for file, _ in usable]
        # (height, width) of every image
        self.sizes = [tuple(self.size) if self.size else size for _, size in usable]
        check(
            bool(self.files),
            "`path` must hold at least one readable image, not too small "
            f"({', '.join(sorted(EXTENSIONS))}).",
            path=str(path),
            least=least,
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

    Images smaller than the crop are left out, with a warning.

    Raises ValueError as `FolderSource` does, or if the crop does not fit into `size`.
    """
    source = FolderSource(path, size, channels, least=max(1, crop or 1))
    check(
        crop is None or 1 <= crop <= min(source.size or (crop,)),
        "`crop` must be >= 1 and fit into `size`.",
        crop=crop,
        size=size,
    )
    height, width = (crop, crop) if crop else source.size or (None, None)
    return tf.data.Dataset.from_generator(
        lambda: (centre(source[i], crop) if crop else source[i] for i in range(len(source))),
        output_signature=tf.TensorSpec([height, width, channels], tf.float32),
    )


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 1 or 3] as `channels` channels; grey is the mean with Rec. 601 weights."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)


def split_folder(path, split: str) -> pathlib.Path:
    """The subfolder of `path` that holds "train" or "test", by one of its `SPLITS` names, any case.

    `path` itself where it has neither split's.

    Raises ValueError if it has the other split's alone: its images would pass for this one's.
    """
    path = pathlib.Path(path)
    below = (
        {p.name.lower(): p for p in sorted(path.iterdir()) if p.is_dir()} if path.is_dir() else {}
    )
    found = {kind: [below[n] for n in names if n in below] for kind, names in SPLITS.items()}
    if found[split]:
        return found[split][0]
    check(
        not any(found.values()),
        f"`path` must have a folder for each split: a {split} one is named "
        f"{' or '.join(SPLITS[split])}.",
        path=str(path),
        folders=sorted(below),
    )
    return path


def centre(image: np.ndarray, side: int) -> np.ndarray:
    """The square in the middle of an image [H, W, C]: of `side`, or less where that is too much."""
    height, width = image.shape[:2]
    side = min(side, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _usable(files, least) -> list:
    """(file, size) of those that can be used and are not below `least`; a warning names others."""
    files = list(files)
    pairs = list(zip(files, verdicts(files), strict=True))
    unreadable = [file for file, known in pairs if known.size is None]
    small = [file for file, known in pairs if known.size and min(known.size) < least]
    for kind, skipped in (("unreadable image(s)", unreadable), (f"image(s) below {least}", small)):
        if skipped:
            names = ", ".join(str(file) for file in skipped[:NAMED])
            more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
            warnings.warn(f"Skipped {len(skipped)} {kind}: {names}{more}", stacklevel=3)
    return [(file, known.size) for file, known in pairs if known.size and min(known.size) >= least]
