"""The audit on maps whose Jacobian is known, and on a small DE-GRAD."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import models, networks, operators, solvers
from tf_jfb.diagnostics import audit_gradient
from tf_jfb.gradients import Phantom


class Linear(networks.Network):
    """R(x) = s x, per channel: with A = identity, J = (1 - eta) I - eta diag(s)."""

    def __init__(self, scales):
        super().__init__()
        self.scales = scales

    def build(self, shape):
        def initial(*_, **__):
            return tf.constant(self.scales)

        self.s = self.add_weight(shape=(3,), name="s", initializer=initial)
        self.built = True

    def frozen(self, training=False):
        scales = self.s.value if hasattr(self.s, "path") else self.s
        return lambda x, observe=False: x * scales


def linear(scales, eta=0.5, cap=400):
    model = models.DEGrad(
        operators.Blur([[1.0]]),
        Linear(np.array(scales, np.float32)),
        solvers.Anderson(rtol=1e-6, max_evaluations=cap),
        eta=eta,
    )
    model.compile()
    model.build((None, None, None, 3))
    return model


def batch(seed=0, count=2, side=8):
    rng = np.random.default_rng(seed)
    return tuple(rng.random((2, count, side, side, 3)).astype(np.float32))


def test_a_known_jacobian():
    report = audit_gradient(linear([0.2, 0.1, 0.6]), batch())
    # eigenvalues 1 - eta (1 + s): 0.4, 0.45 and 0.2; the map is symmetric.
    np.testing.assert_allclose(report.spectral_radius, 0.45, rtol=5e-3)
    np.testing.assert_allclose(report.contraction, 0.45, rtol=5e-3)
    assert report.exact_is_known and report.jfb_is_safe
    cosines = [row["all"] for row in report.cosine.values()]
    assert all(a < b + 1e-4 for a, b in zip(cosines, cosines[1:], strict=False)), cosines
    assert cosines[-1] > 0.999
    # JFB's gradient for eta and s is the exact one's, each image part times 1 - J.
    assert 0.4 < report.norm_ratio["jfb"]["all"] < 0.8
    assert report.condition >= 1.0
    assert "keep it" in report.advice


def test_jfb_is_not_safe_where_the_spectral_radius_exceeds_one():
    report = audit_gradient(linear([3.6, 0.1, 0.6]), batch())  # 1 - 0.5 * 4.6 = -1.3
    np.testing.assert_allclose(report.spectral_radius, 1.3, rtol=1e-3)
    assert not report.jfb_is_safe and not report.descent_is_not_refuted
    assert "JFB is not safe: the spectral radius of J at x* is 1.3" in report.advice
    assert "lipschitz" in str(report)


def test_a_failed_adjoint_is_said():
    report = audit_gradient(linear([0.2, 0.1, 0.6]), batch(), max_evaluations=1)
    assert (report.adjoint != 0).all() and not report.exact_is_known
    assert "missed its tolerance" in report.advice


def test_groups_and_the_estimator_in_use():
    model = models.DEGrad(
        operators.GaussianBlur(3, 0.4),
        networks.DnCNN(3, 4, lipschitz=0.5, gain=0.1),
        solvers.Anderson(rtol=1e-5, max_evaluations=100),
        Phantom(3, 0.5),
        eta=0.5,
    )
    model.compile()
    model.build((None, None, None, 3))
    before = [w.copy() for w in model.get_weights()]
    report = audit_gradient(model, batch(side=12), max_evaluations=100)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(report.cosine) == ["jfb", *(f"neumann:{k}" for k in range(1, 6)), "in use"]
    assert set(report.cosine["jfb"]) == {"all", "log_eta", "conv_0", "conv_1", "conv_2"}
    assert report.cosine["neumann:5"]["all"] > report.cosine["jfb"]["all"]
    assert report.contraction.shape == (2,)
    assert (report.spectral_radius <= report.contraction * 1.01).all()


def test_refused():
    with pytest.raises(ValueError, match="`model` must be a compiled equilibrium model"):
        audit_gradient(keras.Sequential(), batch())
    with pytest.raises(ValueError, match=r"`batch` must be a pair \(blurred, sharp\)"):
        audit_gradient(linear([0.1, 0.1, 0.1]), batch()[0])
