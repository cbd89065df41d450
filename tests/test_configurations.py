"""What can be saved is made from its configuration twice, and leaves it as it was."""

import copy

import keras
import pytest

from tf_jfb import (
    gradients,
    layers,
    losses,
    metrics,
    models,
    networks,
    operators,
    regularizers,
    solvers,
)

KERNEL = [[0.1, 0.2], [0.3, 0.4]]
MADE = {
    "Picard": lambda: solvers.Picard(damping=0.5),
    "Anderson": lambda: solvers.Anderson(m=2, beta=0.5),
    "Broyden": solvers.Broyden,
    "GMRES": solvers.GMRES,
    "BiCGSTAB": solvers.BiCGSTAB,
    "JFB": gradients.JFB,
    "Neumann": lambda: gradients.Neumann(2),
    "Phantom": lambda: gradients.Phantom(2, 0.7),
    "Implicit": lambda: gradients.Implicit(solvers.GMRES(), order=2),
    "Unrolled": lambda: gradients.Unrolled(3),
    "Jacobian": lambda: regularizers.Jacobian(0.1, 0.9, 2),
    "Correction": lambda: regularizers.Correction(0.1, (1, 2)),
    "Blur": lambda: operators.Blur(KERNEL),
    "BlurFFT": lambda: operators.BlurFFT(KERNEL),
    "GaussianBlur": lambda: operators.GaussianBlur(3, 1.0),
    "Downsample": lambda: operators.Downsample(2),
    "Inpainting": lambda: operators.Inpainting([[1.0, 0.0]]),
    "DnCNN": lambda: networks.DnCNN(2, 3, lipschitz=1.0),
    "UNet": lambda: networks.UNet((2, 4), 1),
    "SpectralConv2D": lambda: networks.SpectralConv2D(2),
    "SquaredError": losses.SquaredError,
    "PSNR": metrics.PSNR,
    "SSIM": metrics.SSIM,
    "FixedPoint": lambda: layers.FixedPoint(networks.DnCNN(2, 3), solvers.Picard()),
    "DEGrad": lambda: models.DEGrad(
        operators.Blur(KERNEL), networks.DnCNN(2, 3), regularizers=(regularizers.Jacobian(),)
    ),
    "DEProx": lambda: models.DEProx(None, networks.UNet((2,), 1), boundary="photo"),
    "DEHQS": lambda: models.DEHQS(None, networks.UNet((2,), 1), rho=0.2),
    "DEADMM": lambda: models.DEADMM(None, networks.UNet((2,), 1), unconverged_weight=0.5),
}


@pytest.mark.parametrize("name", MADE)
def test_twice_from_one_configuration(name):
    made = MADE[name]()
    config = made.get_config()
    before = copy.deepcopy(config)
    first, second = (type(made).from_config(config) for _ in range(2))
    assert config == before
    serialised = keras.saving.serialize_keras_object
    assert serialised(first)["config"] == serialised(second)["config"] == serialised(made)["config"]
