"""Programs of the baselines: traced once for all circular blurs and frames of one size."""

import functools

import tensorflow as tf

from tf_jfb.operators import Blur, BlurEach, BlurFFT, Frame, GaussianBlur

MOST = 8  # operators of other kinds whose traces are kept


class Programs:
    """`function(operator, *tensors)` as a graph.

    The kernels of circular blurs and the masks of frames enter it as tensors, so that the next blur
    of the same size is no new trace. Any other operator belongs to its trace, with the blurs of the
    same kernel; the last `MOST` traces are kept.
    """

    def __init__(self, function):
        def run(make, parts, *tensors):
            return function(make(*parts), *tensors)

        def traced(make):
            program = functools.partial(run, make)
            return tf.function(program, reduce_retracing=True, autograph=False)

        self._traced, self._own = traced, {}
        self._circular, self._frame = traced(BlurEach), traced(_frame)

    def __call__(self, operator, d, *tensors):
        """`d` [B, H, W, C] is the first of the tensors."""
        if isinstance(operator, Frame) and _is_circular(operator.blur):
            parts = (_kernels(operator.blur, d), tf.cast(operator.seen, d.dtype))
            return self._frame(parts, d, *tensors)
        if _is_circular(operator):
            return self._circular((_kernels(operator, d),), d, *tensors)
        return self._program_of(operator)((), d, *tensors)

    def _program_of(self, operator):
        alike = type(operator) in (Blur, GaussianBlur)
        kernel = operator.kernel if alike else None
        key = (kernel.shape, kernel.tobytes()) if alike else operator
        if key not in self._own:
            if len(self._own) == MOST:
                del self._own[next(iter(self._own))]
            self._own[key] = self._traced(lambda: operator)
        return self._own[key]


def _frame(kernels, seen):
    return Frame(BlurEach(kernels), seen)


def _is_circular(operator) -> bool:
    """Whether the operator is no more than its kernel."""
    return type(operator) in (BlurFFT, BlurEach) and operator.kernel is not None


def _kernels(blur, d):
    """Those of `d`, [B, k1, k2]."""
    kernel = tf.cast(blur.kernel, d.dtype)
    return kernel if kernel.shape.rank == 3 else tf.repeat(kernel[None], tf.shape(d)[0], axis=0)
