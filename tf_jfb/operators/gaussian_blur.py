"""Gaussian blur with zero padding: the paper's operator."""

from tf_jfb._compat import register
from tf_jfb.operators.blur import Blur
from tf_jfb.operators.kernels import gaussian


@register
class GaussianBlur(Blur):
    """`Blur` by a normalised Gaussian kernel.

    Args:
        size: side of the kernel in pixels, >= 1.
        std: standard deviation in pixels, > 0.

    Raises:
        ValueError: `size` or `std` is outside its range.

    >>> round(float(GaussianBlur(size=5, std=5.0).kernel.sum()), 6)
    1.0
    """

    def __init__(self, size: int = 5, std: float = 5.0):
        super().__init__(gaussian(size, std))
        self.size, self.std = int(size), float(std)

    def get_config(self) -> dict:
        return {"size": self.size, "std": self.std}
