"""Arguments of a wrong kind: one sentence that names them, from every constructor."""

import pytest

from tf_jfb import gradients, models, networks, operators, regularizers, solvers


def grad(**options):
    network = networks.DnCNN(depth=2, channels=2)
    return models.DEGrad(operators.GaussianBlur(3, 0.5), network, **options)


def hqs(**options):
    return models.DEHQS(None, networks.UNet((2,), blocks=1), **options)


WRONG = [
    (solvers.Anderson, {"beta": "a"}),
    (solvers.Anderson, {"ridge": None}),
    (solvers.Anderson, {"rtol": float("inf")}),
    (solvers.Picard, {"damping": "1"}),
    (gradients.Phantom, {"damping": "x"}),
    (gradients.Neumann, {"order": "x"}),
    (gradients.Unrolled, {"recompute": 3}),
    (gradients.Implicit, {"warm_start": "yes"}),
    (regularizers.Jacobian, {"bound": "x"}),
    (regularizers.Jacobian, {"weight": float("inf")}),
    (regularizers.Correction, {"evaluations": 3}),
    (networks.UNet, {"channels": 3}),
    (networks.UNet, {"gain": None}),
    (networks.UNet, {"lipschitz": "a"}),
    (networks.DnCNN, {"lipschitz": "a"}),
    (networks.DnCNN, {"gain": float("nan")}),
    (grad, {"eta": float("inf")}),
    (grad, {"precondition": "x"}),
    (grad, {"regularizers": regularizers.Jacobian()}),
    (grad, {"regularizers": None}),
    (hqs, {"rho": "x"}),
    (hqs, {"level": None}),
]


@pytest.mark.parametrize(
    ("make", "option"), WRONG, ids=lambda one: str(getattr(one, "__name__", one))
)
def test_an_argument_of_a_wrong_kind_is_named(make, option):
    (name,) = option
    with pytest.raises(ValueError, match=f"`{name}` must .* Received: .*{name}="):
        make(**option)
