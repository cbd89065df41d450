"""The paper's equilibrium model.

Where this differs from the published code:
1. The solver stops on the residual of T, per image, not on a batch maximum of a scaled step.
2. Images live in [0, 1]; eta and the network are trained together.
3. Normalisations are frozen within a solve.
"""

import keras
import tensorflow as tf

from tf_jfb._compat import register, value
from tf_jfb._validate import check
from tf_jfb.models.equilibrium import Equilibrium


@register
class DEGrad(Equilibrium):
    r"""DE-GRAD: $T_\theta(x; d) = x - \eta\,(A^T (A x - d) + R_\theta(x))$, started at $A^T d$.

    A fixed point balances the data's gradient against the network: $A^T(A x - d) = -R_\theta(x)$.
    $\eta = e^{\theta_0}$ is learned and positive.

    Args:
        operator: A, a `tf_jfb.operators.Operator`.
        network: R_theta, a Keras layer with `frozen(training)`, such as `DnCNN`.
        solver: default `Anderson()`.
        gradient: default `JFB()`.
        eta: initial step size, > 0.

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Gilton, Ongie and Willett (2021), arXiv 2102.07944; trained by JFB in arXiv 2402.02065.
    """

    def __init__(self, operator, network, solver=None, gradient=None, eta: float = 1.0, **kwargs):
        super().__init__(operator, network, solver, gradient, **kwargs)
        check(isinstance(eta, (int, float)) and eta > 0, "`eta` must be positive.", eta=eta)
        self.initial_eta = float(eta)
        self.log_eta = self.add_weight(
            shape=(),
            name="log_eta",
            initializer=keras.initializers.Constant(float(tf.math.log(self.initial_eta))),
        )

    @property
    def eta(self) -> tf.Tensor:
        return tf.exp(value(self.log_eta))

    def equilibrium_map(self, d, training):
        network = self.network.frozen(training=training)
        eta, start = self.eta, self.operator.adjoint(d)

        def T(x, observe=False):  # noqa: N802
            gradient = self.operator.adjoint(self.operator(x)) - start
            regulariser = tf.cast(network(x, observe=observe), x.dtype)
            return x - eta * (gradient + regulariser)

        return start, T

    def get_config(self) -> dict:
        return {**super().get_config(), "eta": self.initial_eta}
