"""One small model of any blur, built and exported once."""

import keras
import pytest

from tf_jfb import models, networks
from tf_jfb.exported import export


@pytest.fixture(scope="session")
def model_of_any_blur():
    keras.utils.set_random_seed(0)
    network = networks.UNet((4, 6), blocks=1, lipschitz=1.0, gain=1e-3)
    model = models.DEHQS(None, network, rho=0.01)
    model.build((None, None, None, 3))
    return model


@pytest.fixture(scope="session")
def folder(model_of_any_blur, tmp_path_factory):
    """Its export, as version 2 of a name."""
    config = "{seed: 3, noise: 0.01, blur: any, kernel_files: null}"
    extra = {"assets.extra/certificate.yaml": "bound: 0.9", "assets.extra/config.yaml": config}
    told = {"extra": extra, "about": {"data_licence": "none"}}
    return export(model_of_any_blur, tmp_path_factory.mktemp("any") / "2", **told)
