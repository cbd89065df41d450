"""NumPy's numbers, which a table or a search yields, are as good as Python's."""

import numpy as np
import pytest

from tf_jfb import gradients, models, networks, operators, regularizers, solvers

TWO, HALF = np.int64(2), np.float32(0.5)
MADE = {
    "anderson": (lambda m, r: solvers.Anderson(m=m, rtol=r, max_evaluations=m)),
    "broyden": (lambda m, r: solvers.Broyden(m=m, rtol=r)),
    "gmres": (lambda m, r: solvers.GMRES(m=m, atol=r)),
    "picard": (lambda m, r: solvers.Picard(max_evaluations=m, damping=r)),
    "neumann": (lambda m, r: gradients.Neumann(m)),
    "phantom": (lambda m, r: gradients.Phantom(m, r)),
    "unrolled": (lambda m, r: gradients.Unrolled(m)),
    "implicit": (lambda m, r: gradients.Implicit(order=m)),
    "jacobian": (lambda m, r: regularizers.Jacobian(r, power=m)),
    "correction": (lambda m, r: regularizers.Correction(r, evaluations=(m,))),
    "dncnn": (lambda m, r: networks.DnCNN(m, m, lipschitz=r, gain=r, name="n")),
    "unet": (lambda m, r: networks.UNet((m, m), m, gain=r, name="n")),
    "conv": (lambda m, r: networks.SpectralConv2D(m, m, lipschitz=r, name="n")),
    "model": (
        lambda m, r: models.DEGrad(
            operators.GaussianBlur(3, 1.0),
            networks.DnCNN(2, 4, name="n"),
            eta=r,
            precondition=r,
            warm_start=m,
            name="m",
        )
    ),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_they_make_and_save_the_same(make):
    ours, theirs = (made.get_config() for made in (make(TWO, HALF), make(2, 0.5)))
    assert repr(ours) == repr(theirs)
