"""What a camera's frame shows of a blurred scene."""

import tensorflow as tf

from tf_jfb._numerics import cast
from tf_jfb._validate import check
from tf_jfb.operators._chebyshev import chebyshev
from tf_jfb.operators._fourier import fft, fft_planes, ifft, ifft_planes
from tf_jfb.operators.base import PROX_ITERATIONS, Operator, image_batch
from tf_jfb.operators.blur_each import BlurEach
from tf_jfb.operators.blur_fft import BlurFFT

MULTIPLE = 8  # of which a frame's scene has its sides: fast to transform, and a U-Net's


class Frame(Operator):
    r"""$A x = m \cdot (C x)$: of a circular blur C of a scene, the pixels where m is 1.

    A photograph is a frame of a larger scene: with the scene wider than the frame by the size of
    the kernel, C need not know what lies beyond the frame, and nothing wraps around into it.
    `scene_of` makes scene and m. Pixels that are broken or saturated may be left out as well.

    It holds tensors and cannot be saved: `get_config` raises NotImplementedError.

    Args:
        blur: C, a `BlurFFT` or `BlurEach`.
        seen: m, floating tensor [B, H, W, 1] or [1, H, W, 1] of 0 and 1.

    Raises:
        ValueError: `blur` is of another kind, or `seen` of another shape or type.
    """

    def __init__(self, blur: BlurFFT, seen):
        seen = tf.convert_to_tensor(seen)
        check(isinstance(blur, BlurFFT), "`blur` must be a BlurFFT or a BlurEach.", blur=blur)
        check(
            seen.dtype.is_floating
            and seen.shape.rank in (4, None)
            and seen.shape[-1:] in ((1,), None),
            "`seen` must be floating, [B, H, W, 1].",
            shape=tuple(seen.shape),
            dtype=seen.dtype.name,
        )
        self.blur, self.seen = blur, seen

    def apply(self, x):
        return tf.cast(self.seen, x.dtype) * self.blur.apply(x)

    def apply_adjoint(self, y):
        return self.blur.apply_adjoint(tf.cast(self.seen, y.dtype) * y)

    def normal_map(self, like) -> tuple:
        r"""$N = \overline{\hat k}\, F\, m\, F^* \hat k$ between two Fourier transforms F."""
        transfer, size = self.blur.transfer(like), tf.shape(like)[1:3]
        seen = tf.transpose(tf.cast(self.seen, like.dtype), [0, 3, 1, 2])

        def normal(spectrum):
            blurred = seen * ifft_planes(transfer * spectrum, size)
            return tf.math.conj(transfer) * fft_planes(blurred)

        return fft, normal, lambda spectrum: ifft(spectrum, like)

    def prox_map(self, d, rho) -> tuple:
        r"""As every operator's; values of d that were not seen do not matter."""
        d = image_batch("d", d)
        batch = tf.shape(d)[:1]

        def per_image(t):
            return tf.broadcast_to(t, tf.concat([batch, tf.shape(t)[1:]], 0))

        transfer, seen = per_image(self.blur.transfer(d)), per_image(tf.cast(self.seen, d.dtype))
        rho = per_image(tf.reshape(cast(rho, d.dtype), [-1, 1, 1, 1]))
        bound = tf.square(tf.reduce_max(tf.abs(transfer), axis=[1, 2, 3], keepdims=True))

        def of_transfer(transfer, seen):
            return Frame(BlurEach.from_transfer(transfer), seen)

        def step(z, d, rho, transfer, seen, bound):
            frame = of_transfer(transfer, seen)
            missing = frame.apply_adjoint(d - frame.apply(z))
            tensors = (transfer, seen)
            return z + chebyshev(of_transfer, tensors, missing, rho, bound, PROX_ITERATIONS)

        return step, (d, rho, transfer, seen, bound)

    def norm_bound(self, height: int, width: int, channels: int = 1):
        """That of C."""
        return self.blur.norm_bound(height, width, channels)

    def get_config(self) -> dict:
        raise NotImplementedError("Frame holds the mask of one batch and cannot be saved.")


def scene_of(images, kernel_size) -> tuple:
    """(scene, seen) of photographs [B, H, W, C] blurred by kernels of `kernel_size` (k1, k2).

    `scene` has at least k1 more rows and k2 more columns, at the end, or as many again where the
    photographs are smaller than that. They are a first guess, which fades from the mirror image of
    one edge to that of the opposite one. `seen` [B, h, w, 1] is 1 on the photographs.
    """
    size = tf.shape(images)
    seen = tf.ones([size[0], size[1], size[2], 1], images.dtype)
    for axis in (1, 2):
        length = size[axis]
        least = length + tf.cast(kernel_size[axis - 1], tf.int32)
        margin = tf.minimum(least + -least % MULTIPLE - length, length)
        images = _extended(images, margin, axis)
        seen = tf.pad(seen, [[0, margin if a == axis else 0] for a in range(4)])
    return images, seen


def _extended(x, margin, axis):
    first = tf.reverse(tf.gather(x, tf.range(margin), axis=axis), [axis])
    length = tf.shape(x)[axis]
    last = tf.reverse(tf.gather(x, tf.range(length - margin, length), axis=axis), [axis])
    share = (tf.cast(tf.range(margin), x.dtype) + 0.5) / tf.cast(margin, x.dtype)
    share = tf.reshape(share, [-1 if a == axis else 1 for a in range(4)])
    return tf.concat([x, (1.0 - share) * last + share * first], axis)
