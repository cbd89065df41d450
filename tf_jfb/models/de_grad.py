"""The paper's equilibrium model.

Where this differs from the published code:
1. The solver stops on the residual of T, per image, not on a batch maximum of a scaled step.
2. Images live in [0, 1]; eta and the network are trained together.
3. Normalisations are frozen within a solve.
4. The map may be preconditioned, which speeds the solve and leaves its fixed points.
"""

import keras
import tensorflow as tf

from tf_jfb._compat import register, value
from tf_jfb._validate import check, check_positive, is_number, plain
from tf_jfb.models.equilibrium import Equilibrium


@register
class DEGrad(Equilibrium):
    r"""DE-GRAD: $T_\theta(x; d) = x - \eta\,(A^T (A x - d) + R_\theta(x))$, started at $A^T d$.

    A fixed point balances the data's gradient against the network: $A^T(A x - d) = -R_\theta(x)$.
    $\eta = e^{\theta_0}$ is learned and positive.

    Where A is nearly blind, T moves x hardly at all: a small residual then says little about the
    distance to the fixed point, and JFB, which takes $\partial T/\partial x$ for 0, is far from
    the exact gradient. `precondition` = $\rho$ cures both, without moving the fixed points:
    $$T_\theta(x; d) = x - \eta\,(A^T A + \rho I)^{-1} (A^T (A x - d) + R_\theta(x)),$$
    started at $(A^T A + \rho I)^{-1} A^T d$. With $\eta = 1$ and $R = \rho\,(I - D)$ it is
    half-quadratic splitting with the denoiser D; $\rho = (\sigma_d / \sigma_D)^2$ suits noise of
    std $\sigma_d$ and a denoiser of std $\sigma_D$. The inverse is `Operator.inverse`.

    Args:
        operator: A, a `tf_jfb.operators.Operator`, or None for circular blurs that come with the
            images, as `kernel`.
        network: R_theta, a Keras layer with `frozen(training)`, such as `DnCNN`.
        solver: default `Anderson()`.
        gradient: default `JFB()`.
        eta: initial step size, > 0.
        precondition: $\rho > 0$, or None for the paper's map.
        regularizers: penalties on T in training, of `tf_jfb.regularizers`.
        warm_start: training examples whose last solution is kept to start from; 0 keeps none.
        boundary, unconverged_weight: as in `Equilibrium`.

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Gilton, Ongie and Willett (2021), arXiv 2102.07944; trained by JFB in arXiv 2402.02065.
    """

    def __init__(
        self,
        operator,
        network,
        solver=None,
        gradient=None,
        eta: float = 1.0,
        precondition: float | None = None,
        **kwargs,
    ):
        super().__init__(operator, network, solver, gradient, **kwargs)
        check(
            not network.conditional,
            "`network` must not be conditional on the noise: use DEProx, DEHQS or DEADMM.",
            network=type(network).__name__,
        )
        eta, precondition = plain(eta), plain(precondition)
        check_positive("eta", eta)
        check(
            precondition is None or is_number(precondition) and precondition > 0,
            "`precondition` must be positive, or None.",
            precondition=precondition,
        )
        self.precondition = precondition
        self.initial_eta = float(eta)
        self.log_eta = self.add_weight(
            shape=(),
            name="log_eta",
            initializer=keras.initializers.Constant(float(tf.math.log(self.initial_eta))),
        )

    takes_noise = False  # nothing of this map depends on the level

    @property
    def eta(self) -> tf.Tensor:
        return tf.exp(value(self.log_eta))

    def equilibrium_map(self, m, network):
        make, tensors = self.forward_model(m)
        operator = make(*tensors)
        eta, right = self.eta, operator.adjoint(m.image)
        # An operator that comes with the images is made anew from `tensors` wherever T runs.
        fixed = self.precondition is not None and not tensors
        inverse = operator.inverse_for(right) if fixed else None

        def preconditioned(operator, g):
            if self.precondition is None:
                return g
            return (inverse or operator.inverse)(g, self.precondition)

        def T(x, right, *tensors, observe=False):
            operator = make(*tensors)
            gradient = operator.adjoint(operator(x)) - right
            regulariser = tf.cast(network(x, observe=observe), x.dtype)
            return x - eta * preconditioned(operator, gradient + regulariser)

        return preconditioned(operator, right), T, (right, *tensors)

    def get_config(self) -> dict:
        return {**super().get_config(), "eta": self.initial_eta, "precondition": self.precondition}
