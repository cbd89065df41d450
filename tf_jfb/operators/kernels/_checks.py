"""What operators ask of a kernel."""

import numbers

import numpy as np

from tf_jfb._validate import check, check_real, is_integer, refuse

LARGEST = 2001  # side of a kernel that is made, in pixels: far beyond what is restored


def check_kernel(kernel) -> np.ndarray:
    """`kernel` as float64 [k1, k2].

    Raises ValueError unless it is 2-D, real, finite and of positive sum.
    """
    try:
        given = np.asarray(kernel)
        array = np.array(given, None if np.iscomplexobj(given) else np.float64)
    except (TypeError, ValueError):
        refuse("`kernel` must be a 2-D array of numbers.", kernel=type(kernel).__name__)
    check_real("kernel", array)
    check(
        array.ndim == 2 and array.size > 0,
        "`kernel` must be a non-empty 2-D array.",
        shape=array.shape,
    )
    check(
        bool(np.isfinite(array).all()),
        "`kernel` must be finite.",
        non_finite=int((~np.isfinite(array)).sum()),
    )
    check(float(array.sum()) > 0, "`kernel` must have a positive sum.", sum=float(array.sum()))
    return array


def of_images(kernel, images: int) -> np.ndarray:
    """[k1, k2] for all, or [B, k1, k2], as float64 [B, k1, k2], B = `images`.

    Raises ValueError unless they are kernels, one for all or one for every image.
    """
    try:
        array = np.asarray(kernel)
    except ValueError:  # rows, or kernels, of several sizes
        refuse(
            "`kernel` must hold arrays of one size: bring them there by `kernels.padded`.",
            shapes=[np.shape(one) for one in kernel],
        )
    check(
        array.ndim == 2 or array.ndim == 3 and len(array) == images,
        "`kernel` must be [k1, k2], or [B, k1, k2] with one for every image.",
        shape=array.shape,
        images=images,
    )
    each = np.stack([check_kernel(one) for one in (array if array.ndim == 3 else array[None])])
    return np.broadcast_to(each, (images, *each.shape[1:]))


def check_fits(shape, x) -> None:
    """Raises ValueError if `shape` (k1, k2) exceeds that of `x` [B, H, W, C], where both known."""
    shape, image = tuple(shape), tuple(x.shape[1:3])
    known = zip(shape, image, strict=True)
    check(
        all(None in pair or pair[0] <= pair[1] for pair in known),
        "The kernel must not be larger than the image.",
        kernel=shape,
        image=image,
    )


def check_size(name: str, value) -> None:
    """Raises ValueError unless `value` is an integer from 1 to `LARGEST`."""
    check(is_integer(value) and value >= 1, f"`{name}` must be an integer >= 1.", **{name: value})
    check(value <= LARGEST, f"`{name}` must be at most {LARGEST}.", **{name: value})


def check_positive(name: str, value, unit: str = "number of pixels", most=float("inf")) -> None:
    """Raises ValueError unless `value` is a positive, finite number, `most` at most."""
    check(
        isinstance(value, numbers.Real) and 0 < float(value) < float("inf"),
        f"`{name}` must be a positive {unit}.",
        **{name: value},
    )
    check(value <= most, f"`{name}` must be at most {most:g}.", **{name: value})


def separate(kernel: np.ndarray) -> list:
    """Pairs (u [k1], v [k2]) whose outer products sum to `kernel`, as few as float64 allows.

    >>> len(separate(np.ones((3, 5))))
    1
    """
    u, sigma, v = np.linalg.svd(kernel, full_matrices=False)
    rank = int((sigma > 1e-14 * max(kernel.shape) * sigma[0]).sum())
    return [(root * u[:, i], root * v[i]) for i, root in enumerate(np.sqrt(sigma[:rank]))]
