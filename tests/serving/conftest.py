"""Two tiny models as a folder of models: one of any blur, one made for a blur."""

import shutil

import keras
import pytest

from tf_jfb import models, networks, operators, solvers
from tf_jfb.exported import export


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """The folder: any/1 and fixed/1."""
    pytest.importorskip("fastapi", reason="make test-serve runs this beside FastAPI and Ray Serve")
    keras.utils.set_random_seed(0)
    root = tmp_path_factory.mktemp("models")
    network = networks.UNet((4, 6), blocks=1, lipschitz=1.0, gain=1e-3)
    model = models.DEHQS(None, network, rho=0.01)
    model.build((None, None, None, 3))
    export(model, root / "any" / "1")
    network = networks.DnCNN(2, 4, lipschitz=1.0, gain=0.2)
    model = models.DEGrad(operators.GaussianBlur(3, 0.5), network, solvers.Anderson(rtol=1e-3))
    model.build((None, None, None, 1))
    export(model, root / "fixed" / "1", channels=1)
    return root


@pytest.fixture(scope="session")
def loaded(exports):
    """A `ModelStore` of the folder, whose models are loaded once for all tests that change none."""
    from tf_jfb.serving.server import ModelStore

    store = ModelStore(exports)
    store.scan()
    return store


@pytest.fixture
def root(exports, tmp_path):
    """A copy of the folder that a test may change."""
    return shutil.copytree(exports, tmp_path / "models")
