"""The data step of operators without a closed form: a Chebyshev polynomial of A^T A."""

import tensorflow as tf

from tf_jfb._gradients import custom_gradient, is_plain
from tf_jfb._numerics import shaped


def chebyshev(make, tensors: tuple, g, rho, bound, iterations: int) -> tf.Tensor:
    r"""$p(A^T A; \rho)\, g$, p the Chebyshev approximation of $1 / (s + \rho)$.

    Its gradient is written out: TensorFlow's own keeps every step, and the second order, which a
    penalty on a Jacobian takes, dies in loops within loops. It is exact in g, for p is symmetric,
    and in $\rho$; in the tensors of A it is that of the exact inverse.

    Args:
        make: `make(*tensors)` is the operator A.
        tensors: what A depends on.
        g: [B, H, W, C].
        rho: > 0, to broadcast against `g`.
        bound: of the spectrum of A^T A, which lies in [0, `bound`].
        iterations: degree of p plus one, >= 1.

    Source: Golub and Varga (1961).
    """
    if is_plain("inverse"):
        return _polynomial(make(*tensors), g, rho, bound, iterations)

    @custom_gradient
    def apply(g, rho, *tensors):
        x = _polynomial(make(*tensors), g, rho, bound, iterations)

        def grad(v):
            v = shaped(v, x.shape)  # in loops it may have lost it
            w = chebyshev(make, tensors, v, rho, bound, iterations)
            slope = _slope(make(*tensors), g, rho, bound, iterations)
            return (w, _summed_like(v * slope, rho), *_by_tensors(make, tensors, w, x))

        return x, grad

    return apply(g, tf.convert_to_tensor(rho), *tensors)


def _polynomial(operator, g, rho, bound, iterations):
    half = 0.5 * bound
    middle = half + rho
    enter, normal, leave = operator.normal_map(g)
    g = enter(g)
    x = _times(1.0 / middle, g)

    def body(x, step, ratio):
        residual = g - (normal(x) + _times(rho, x))
        new = 1.0 / (2.0 * middle / half - ratio)
        step = _times(new * ratio, step) + _times(2.0 * new / half, residual)
        return shaped(x + step, x.shape), shaped(step, x.shape), new

    # A loop: unrolled, ten steps of a blur by shifts make a graph of thousands of operations.
    return leave(_repeat(body, (x, x, half / middle), iterations - 1))


def _slope(operator, g, rho, bound, iterations):
    r"""$\partial p / \partial\rho\; g$: the recurrence, and beside every value its derivative."""
    half = 0.5 * bound
    middle = half + rho
    enter, normal, leave = operator.normal_map(g)
    g = enter(g)
    ratio, x = half / middle, _times(1.0 / middle, g)

    def body(dx, dstep, dratio, x, step, ratio):
        residual = g - (normal(x) + _times(rho, x))
        dresidual = -(normal(dx) + _times(rho, dx) + x)
        new = 1.0 / (2.0 * middle / half - ratio)
        dnew = -new * new * (2.0 / half - dratio)
        dstep = _times(dnew * ratio + new * dratio, step) + _times(new * ratio, dstep)
        dstep += _times(2.0 / half * dnew, residual) + _times(2.0 / half * new, dresidual)
        step = _times(new * ratio, step) + _times(2.0 * new / half, residual)
        images = (dx + dstep, dstep, x + step, step)
        dx, dstep, x, step = (shaped(image, g.shape) for image in images)
        return dx, dstep, dnew, x, step, new

    dx = _times(-1.0 / middle, x)
    return leave(_repeat(body, (dx, dx, -ratio / middle, x, x, ratio), iterations - 1))


def _times(factor, x):
    """A real factor times real or complex values."""
    if x.dtype.is_complex:
        factor = tf.complex(factor, tf.zeros_like(factor))
    return factor * x


def _repeat(body, start, times):
    if times == 0:
        return start[0]
    return tf.while_loop(lambda *_: True, body, start, maximum_iterations=times)[0]


def _by_tensors(make, tensors, w, x) -> tuple:
    r"""The gradient of $-\langle A w, A x \rangle$, w and x kept: that of $v^T x$."""
    if not tensors:
        return ()
    w, x = tf.stop_gradient(w), tf.stop_gradient(x)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        operator = make(*tensors)
        product = -tf.reduce_sum(operator.apply(w) * operator.apply(x))
    return tuple(tape.gradient(product, tensors))


def _summed_like(values, like):
    """`values` summed over the axes along which `like` was broadcast to them."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(like), s1=tf.shape(values))
    return tf.reshape(tf.reduce_sum(values, axes), tf.shape(like))
