"""Half-quadratic splitting: an exact data step, then the denoiser."""

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_norm, shaped
from tf_jfb._validate import check, check_positive, is_integer, plain
from tf_jfb.models._laws import PowerLaw
from tf_jfb.models.equilibrium import Equilibrium

FIRST_LEVEL = 0.2  # of a continued start: the most noise that scripts/configs/denoiser.yaml has


class Splitting(Equilibrium):
    r"""What `DEHQS` and `DEADMM` share: the weights of $\rho$ and of the level, and the start."""

    options = {"continuation": 0}  # until they are told

    def __init__(
        self, operator, network, *, rho=0.25, level=0.02, learned=True, continuation=0, **kwargs
    ):
        super().__init__(operator, network, **kwargs)
        rho, level, continuation = plain(rho), plain(level), plain(continuation)
        check_positive("rho", rho)
        check_positive("level", level)
        check(
            is_integer(continuation) and continuation >= 0,
            "`continuation` must be an integer >= 0.",
            continuation=continuation,
        )
        laws = {"rho": rho, "level": level, "learned": learned}
        self.options = laws | {"continuation": continuation}
        self._check_parts(self.solver, self.gradient)
        self._rho = PowerLaw(self, "log_rho", rho, 1.0, learned)
        told = learned and network.conditional
        self._level = PowerLaw(self, "log_level", level, 0.5, told)

    def _check_parts(self, solver, gradient) -> None:
        super()._check_parts(solver, gradient)
        continuation = self.options["continuation"]
        check(
            not continuation
            or (self.network.conditional and not self.warm_start and gradient.at_fixed_point),
            "`continuation` needs a network that is told the noise, a gradient at a fixed point, "
            "and no `warm_start`.",
            continuation=continuation,
            gradient=gradient,
            warm_start=self.warm_start,
        )

    def set_laws(self, noise: float, rho: float, level: float) -> None:
        r"""Gives $\rho$ and the denoiser's level these values at a noise; exponents as at first."""
        self._rho.set_at(noise, rho)
        self._level.set_at(noise, level)

    def _told(self, m) -> tuple:
        r"""(A, noise [B], $\rho$ [B]) of the images."""
        make, tensors = self.forward_model(m)
        noise = self.noise_of(m)
        return make(*tensors), noise, self._rho(noise)

    def data_step(self, m) -> tuple:
        r"""(x0, P, inputs): $P(z, *inputs) = \arg\min_x |A x - d|^2 + \rho\,|x - z|^2$.

        x0 is the data step from $A^T d$.
        """
        operator, _, rho = self._told(m)
        step, prepared = operator.prox_map(m.image, rho)
        return step(self.backprojection(m, operator), *prepared), step, prepared

    def continued(self, m, network, x0, cap):
        most = self.options["continuation"]
        if not most:
            return x0, 0
        spent = tf.clip_by_value(tf.cast(cap, tf.int32) - 1, 0, most)
        spent = tf.broadcast_to(spent, tf.shape(m.image)[:1])
        if not tf.executing_eagerly():
            return tf.stop_gradient(self._annealed(m, network, x0, spent)), spent
        with tf.init_scope():  # pauses the tape
            return self._annealed(m, network, x0, spent), spent

    def _annealed(self, m, network, x0, spent):
        """The state after `spent` [B] evaluations of T at levels that fall to its own."""
        operator, noise, rho = self._told(m)
        last = self._level(noise)
        first = tf.maximum(last, FIRST_LEVEL)
        count = tf.cast(tf.maximum(spent, 1), last.dtype)

        def body(i, x):
            level = first * (last / first) ** (tf.cast(i, last.dtype) / count)
            step, prepared = operator.prox_map(m.image, rho * tf.square(last / level))
            z = self.denoise(network, step(x, *prepared), level, False)
            taken = (i < spent) & tf.math.is_finite(per_image_norm(z))
            return i + 1, shaped(tf.where(per_image(taken, x), z, x), x.shape)

        largest, start = tf.reduce_max(spent), (tf.constant(0), self.image_of(x0))
        return self.state_of(tf.while_loop(lambda i, _: i < largest, body, start)[1])

    def get_config(self) -> dict:
        return {**super().get_config(), **self.options}


@register
class DEHQS(Splitting):
    r"""DE-HQS: $T_\theta(x; d) = D_\theta(\arg\min_z |A z - d|^2 + \rho\,|z - x|^2)$, $D = I - R$.

    For circular blur the data step is closed in the Fourier domain; else it is taken by
    `Operator.prox_map`. It is firmly nonexpansive, so T contracts if D does, which a bound on
    $R_\theta$ alone does not ensure: measure it with `audit_gradient`.

    With the noise level $\sigma$, where the model is told one, $\rho = e^{w_0} (\sigma/0.01)^{w_1}$
    and a conditional network is told $\sigma_D = e^{u_0} (\sigma/0.01)^{u_1}$; at first $w_1 = 1$
    and $u_1 = 1/2$, so that $\rho \propto (\sigma / \sigma_D)^2$.

    Args:
        operator: A, or None for circular blurs that come with the images, as `kernel`.
        network: R_theta.
        solver, gradient, regularizers, warm_start: as in `DEGrad`.
        rho: $e^{w_0}$ at first, > 0.
        level: $e^{u_0}$ at first, > 0: the denoiser's noise at a noise of 0.01.
        learned: whether w and u are trained.
        continuation: evaluations of T, >= 0, that make the start, at levels $\sigma_D'$ that fall
            geometrically from 0.2 towards $\sigma_D$, with $\rho\,(\sigma_D/\sigma_D')^2$. They
            count; the fixed points stay the same. The network must know such levels.

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Geman and Yang (1995); with a denoiser, and the falling levels: Zhang et al. (2021),
    arXiv 2008.13751.
    """

    def equilibrium_map(self, m, network):
        x0, step, prepared = self.data_step(m)
        noise = self.noise_of(m)

        def T(x, noise, *prepared, observe=False):
            return self.denoise(network, step(x, *prepared), self._level(noise), observe)

        return x0, T, (noise, *prepared)
