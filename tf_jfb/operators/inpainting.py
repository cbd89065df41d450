"""Pixels that were not measured."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check, refuse
from tf_jfb.operators.base import Operator, image_batch, weight


@register
class Inpainting(Operator):
    r"""$(A x)[i] = m[i]\, x[i]$ with a mask of 1 where a pixel was measured and 0 elsewhere.

    A is a projection and its own adjoint. The mask is one for all images and channels.

    Args:
        mask: array [H, W] or [H, W, 1] of 0 and 1, or of booleans, that measures some pixel.

    Raises:
        ValueError: the mask is unusable, or images are not of its size.
    """

    def __init__(self, mask):
        self.mask = _check_mask(mask)

    def apply(self, x):
        return x * self._mask_like(x)

    def apply_adjoint(self, y):
        return self.apply(y)

    def inverse(self, g, rho, iterations: int = 1) -> tf.Tensor:
        r"""$(A^T A + \rho I)^{-1} g = g / (m + \rho)$, exact; `iterations` does not matter."""
        g = image_batch("g", g)
        return g / (self._mask_like(g) + weight(rho, g))

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 0) -> float:
        """1, as of any projection. Raises ValueError for another size than the mask's."""
        self._check_image((height, width))
        return 1.0

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        """1, as of any projection."""
        return 1.0

    def get_config(self) -> dict:
        return {"mask": self.mask[..., 0].astype(int).tolist()}

    def _mask_like(self, x):
        self._check_image(tuple(x.shape[1:3]))
        return tf.constant(self.mask, x.dtype)

    def _check_image(self, sides):
        known = zip(sides, self.mask.shape, strict=False)
        check(
            all(side in (None, own) for side, own in known),
            "The image must have the size of the mask.",
            image=sides,
            mask=self.mask.shape[:2],
        )


def _check_mask(mask) -> np.ndarray:
    """`mask` as float64 [H, W, 1]."""
    try:
        array = np.array(mask, np.float64)
    except (TypeError, ValueError):
        refuse("`mask` must be an array of 0 and 1.", mask=type(mask).__name__)
    array = array[..., None] if array.ndim == 2 else array
    check(
        array.ndim == 3 and array.shape[-1] == 1 and array.size > 0,
        "`mask` must be [H, W] or [H, W, 1].",
        shape=np.shape(mask),
    )
    values = np.unique(array)
    check(
        bool(np.isin(values, (0, 1)).all()) and array.any(),
        "`mask` must hold 0 and 1 alone, and a 1.",
        values=values[:5].tolist(),
    )
    return array
