"""Half-quadratic splitting: an exact data step, then the denoiser."""

from tf_jfb._compat import register
from tf_jfb._validate import check, plain
from tf_jfb.models._laws import PowerLaw
from tf_jfb.models.equilibrium import Equilibrium


class Splitting(Equilibrium):
    r"""What `DEHQS` and `DEADMM` share: the weights of $\rho$ and of the denoiser's level."""

    def __init__(self, operator, network, *, rho=0.25, level=0.02, learned=True, **kwargs):
        super().__init__(operator, network, **kwargs)
        rho, level = plain(rho), plain(level)
        check(rho > 0, "`rho` must be positive.", rho=rho)
        check(level > 0, "`level` must be positive.", level=level)
        self.options = {"rho": rho, "level": level, "learned": learned}
        self._rho = PowerLaw(self, "log_rho", rho, 1.0, learned)
        told = learned and network.conditional
        self._level = PowerLaw(self, "log_level", level, 0.5, told)

    def set_laws(self, noise: float, rho: float, level: float) -> None:
        r"""Gives $\rho$ and the denoiser's level these values at a noise; exponents as at first."""
        self._rho.set_at(noise, rho)
        self._level.set_at(noise, level)

    def data_step(self, m) -> tuple:
        r"""(x0, P, inputs): $P(z, *inputs) = \arg\min_x |A x - d|^2 + \rho\,|x - z|^2$.

        x0 is the data step from $A^T d$.
        """
        make, tensors = self.forward_model(m)
        operator = make(*tensors)
        step, prepared = operator.prox_map(m.image, self._rho(self.noise_of(m)))
        return step(self.backprojection(m, operator), *prepared), step, prepared

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

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Geman and Yang (1995); with a denoiser: Zhang et al. (2021), arXiv 2008.13751.
    """

    def equilibrium_map(self, m, network):
        x0, step, prepared = self.data_step(m)
        noise = self.noise_of(m)

        def T(x, noise, *prepared, observe=False):
            return self.denoise(network, step(x, *prepared), self._level(noise), observe)

        return x0, T, (noise, *prepared)
