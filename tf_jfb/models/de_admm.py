"""The alternating direction method of multipliers as one fixed point."""

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb.models.de_hqs import Splitting


@register
class DEADMM(Splitting):
    r"""DE-ADMM: the pair (z, u) of image and scaled multiplier, stacked along the channels.

    $$x = \arg\min_x |A x - d|^2 + \rho\,|x - (z - u)|^2, \quad
      z^+ = D_\theta(x + u), \quad u^+ = u + x - z^+, \quad D = I - R_\theta,$$
    so that a fixed point has $x = z$: the restored image is z. Started at the data step from
    $A^T d$, `continued` by steps of `DEHQS`, with u = 0. Arguments, laws of $\rho$ and
    level, and errors as in `DEHQS`. ADMM converges if D is a proximal map; of a learned D that is
    not ensured: measure it.

    Source: Boyd et al. (2011); as an equilibrium model: Gilton, Ongie and Willett (2021).
    """

    def equilibrium_map(self, m, network):
        x0, step, prepared = self.data_step(m)
        noise = self.noise_of(m)

        def T(state, noise, *prepared, observe=False):
            z, u = tf.split(state, 2, axis=-1)
            x = step(z - u, *prepared)
            z = self.denoise(network, x + u, self._level(noise), observe)
            return tf.concat([z, u + x - z], axis=-1)

        return self.state_of(x0), T, (noise, *prepared)

    def state_of(self, image):
        return tf.concat([image, tf.zeros_like(image)], axis=-1)

    def image_of(self, state):
        return state[..., : state.shape[-1] // 2]
