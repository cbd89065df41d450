"""The names that users import. Add to the table freely; removing one breaks somebody's program."""

import importlib
import pathlib
import pkgutil

import pytest

import tf_jfb

PUBLIC = {
    "tf_jfb": "Solution Status data gradients layers metrics models networks noise operators "
    "solvers",
    "tf_jfb.data": "celeba dead_leaves degrade folder",
    "tf_jfb.gradients": "Estimator JFB Neumann",
    "tf_jfb.layers": "FixedPoint",
    "tf_jfb.metrics": "PSNR SSIM psnr ssim",
    "tf_jfb.models": "DEGrad Equilibrium Restoration baselines",
    "tf_jfb.models.baselines": "tikhonov tv",
    "tf_jfb.networks": "DnCNN SpectralConv2D",
    "tf_jfb.noise": "",
    "tf_jfb.operators": "Blur BlurFFT GaussianBlur Operator kernels",
    "tf_jfb.solvers": "Anderson Picard Solution Solver Status solve",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_exports_exactly_the_pinned_names(module):
    assert sorted(importlib.import_module(module).__all__) == PUBLIC[module].split()


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_exists_and_is_documented(module):
    module = importlib.import_module(module)
    undocumented = [name for name in module.__all__ if not getattr(module, name).__doc__]
    assert undocumented == []


def test_every_public_module_is_pinned():
    found = {f"tf_jfb.{m.name}" for m in pkgutil.iter_modules(tf_jfb.__path__)}
    assert {name for name in found if not name.startswith("tf_jfb._")} <= set(PUBLIC)
    assert pathlib.Path(tf_jfb.__file__).name == "__init__.py"
