"""The denoiser in the place of a proximal map."""

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check_positive, plain
from tf_jfb.models._laws import PowerLaw
from tf_jfb.models.equilibrium import Equilibrium


@register
class DEProx(Equilibrium):
    r"""DE-PROX: $T_\theta(x; d) = D_\theta(x - \eta\,A^T (A x - d))$, $D = I - R_\theta$.

    Where A is an average, $|A| \le 1$, the gradient step is nonexpansive for $\eta \le 2$; T
    contracts if D does, which a bound on $R_\theta$ alone does not ensure: measure it with
    `audit_gradient`. $\eta = e^{w_0} (\sigma / 0.01)^{w_1}$ with the noise level $\sigma$, where
    the model is told one. Started at $A^T d$.

    Args:
        operator: A, or None for circular blurs that come with the images, as `kernel`.
        network: R_theta; a conditional one, such as `UNet`, is told the level
            $\sigma_D = e^{u_0} (\sigma / 0.01)^{u_1}$.
        solver, gradient, regularizers, warm_start: as in `DEGrad`.
        eta: $e^{w_0}$ at first, > 0.
        level: $e^{u_0}$ at first, > 0: the denoiser's noise at a noise of 0.01.
        learned: whether w and u are trained.

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Gilton, Ongie and Willett (2021), arXiv 2102.07944.
    """

    def __init__(self, operator, network, *, eta=1.0, level=0.02, learned=True, **kwargs):
        super().__init__(operator, network, **kwargs)
        eta, level = plain(eta), plain(level)
        check_positive("eta", eta)
        check_positive("level", level)
        self.options = {"eta": eta, "level": level, "learned": learned}
        self._eta = PowerLaw(self, "log_eta", eta, 0.0, learned)
        told = learned and network.conditional
        self._level = PowerLaw(self, "log_level", level, 0.5, told)

    def equilibrium_map(self, m, network):
        make, tensors = self.forward_model(m)
        operator, noise = make(*tensors), self.noise_of(m)
        right = operator.adjoint(m.image)

        def T(x, right, noise, *tensors, observe=False):
            operator = make(*tensors)
            gradient = operator.adjoint(operator(x)) - right
            eta = tf.reshape(self._eta(noise), [-1, 1, 1, 1])
            return self.denoise(network, x - eta * gradient, self._level(noise), observe)

        return self.backprojection(m, operator), T, (right, noise, *tensors)

    def get_config(self) -> dict:
        return {**super().get_config(), **self.options}
