"""What every reader of image files returns, and how one image of several is chosen."""

from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check


class Raster(NamedTuple):
    """One image of a file, upright, its numbers as the file has them."""

    values: np.ndarray  # [H, W, C], of the file's type
    full: float | None  # value of white by that type, None where the file leaves it open
    bits: int  # per channel: 8, 16 or 32
    alpha: np.ndarray | None = None  # [H, W, 1], on the scale of `values`
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # with the orientation reset
    linear: bool = False  # whether the values are proportional to light
    header: str | None = None  # cards of a FITS header
    dtype: str | None = None  # of the file's numbers, where that of `values` is another
    taken: float = 0.0  # std of what compression took from a pixel, as `values`


class Header(NamedTuple):
    """What a file says of its only image before it is decoded."""

    height: int  # upright
    width: int
    channels: int  # without alpha
    sound: bool  # whether decoding it would add nothing to know: the file is whole


class RefusedError(ValueError):
    """A readable file that does not hold what was asked for; its text is the reason."""


def refuse(condition: bool, reason: str) -> None:
    """Raises `RefusedError(reason)` if `condition`."""
    if condition:
        raise RefusedError(reason)


def check_pages(pages) -> None:
    """Raises ValueError unless `pages` is None, "all", "first" or a number from 1."""
    check(
        pages in (None, "all", "first") or isinstance(pages, int) and pages >= 1,
        '`pages` must be "all", "first" or a number from 1.',
        pages=pages,
    )


def chosen(count: int, pages) -> list[int]:
    """Indices of the images to read of `count`: "all", "first", one by number from 1, or the only.

    >>> chosen(3, 2)
    [1]
    """
    check_pages(pages)
    refuse(count == 0, "it holds no image")
    refuse(
        pages is None and count > 1,
        f'it holds {count} images: `pages` must say which, "all", "first" or a number from 1',
    )
    refuse(isinstance(pages, int) and pages > count, f"it holds {count} image(s), not {pages}")
    if pages == "all":
        return list(range(count))
    return [pages - 1 if isinstance(pages, int) else 0]


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """`values` [H, W, ...] stored with an EXIF orientation of 1 to 8, as they are to be seen."""
    turns = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)
    values = np.rot90(values, turns)
    return values[:, ::-1] if orientation in (2, 4, 5, 7) else values
