"""The names that users import. Add to the table freely; removing one breaks somebody's program."""

import importlib
import pkgutil

import pytest

import tf_jfb

PUBLIC = {
    "tf_jfb": "Solution Status data exported gradients layers load losses metrics models networks "
    "noise operators psf regularizers solvers",
    "tf_jfb.cli": "main",
    "tf_jfb.data": "DeadLeaves Degradation Drawn Fixed FolderSource Mixture Photo RandomBlurs "
    "celeba centre dead_leaves degrade degrade_randomly examples find_images folder light "
    "list_images read_image read_pages simulate split_folder write_image",
    "tf_jfb.gradients": "Estimator Implicit JFB Neumann Phantom Unrolled named",
    "tf_jfb.layers": "FixedPoint",
    "tf_jfb.losses": "SquaredError",
    "tf_jfb.metrics": "PSNR SSIM psnr ssim",
    "tf_jfb.models": "DEADMM DEGrad DEHQS DEProx Equilibrium baselines",
    "tf_jfb.models.baselines": "PlugAndPlay annealed_pnp pnp richardson_lucy tikhonov tune "
    "tune_options tv wiener",
    "tf_jfb.networks": "DnCNN Network SpectralConv2D UNet",
    "tf_jfb.noise": "Estimate PoissonGaussian estimate gaussian poisson_gaussian",
    "tf_jfb.operators": "Blur BlurEach BlurFFT Downsample Frame GaussianBlur "
    "Inpainting Operator kernels",
    "tf_jfb.psf": "Check FORMATS KINDS Measured Refined check draw make measure refine save",
    "tf_jfb.regularizers": "Correction Jacobian Regularizer",
    "tf_jfb.diagnostics": "GradientAudit audit_gradient",
    "tf_jfb.evaluation": "Comparison PROTOCOLS Protocol TELLINGS Telling evaluate report",
    "tf_jfb.exported": "BLUR_OF_EXPORT CONFIG_OF_EXPORT ENSEMBLES ExportedModel Restored "
    "check_ensemble check_options deblur deblur_photo deblur_photos describe example_inputs export "
    "export_denoiser for_blur load load_model shipped told_noise told_once",
    "tf_jfb.serving": "bulk",
    "tf_jfb.solvers": "Anderson BiCGSTAB Broyden GMRES Picard Solution Solver Status solve",
    "tf_jfb.training": "AuditGradient Config Denoiser build_model load_config load_denoiser "
    "load_run strategies train train_denoiser",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_exports_exactly_the_pinned_names(name):
    assert sorted(importlib.import_module(name).__all__) == sorted(PUBLIC[name].split())


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_exists_and_is_documented(name):
    module = importlib.import_module(name)
    assert [n for n in module.__all__ if not getattr(module, n).__doc__] == []


def test_every_public_module_is_pinned():
    found = {f"tf_jfb.{module.name}" for module in pkgutil.iter_modules(tf_jfb.__path__)}
    assert {name for name in found if not name.startswith("tf_jfb._")} <= set(PUBLIC)


@pytest.mark.parametrize(
    "module, name, home", [("tf_jfb.gradients", "audit_gradient", "tf_jfb.diagnostics")]
)
def test_what_has_moved_is_found_where_it_was_with_a_warning(module, name, home):
    with pytest.warns(DeprecationWarning, match=f"{home}.{name}"):
        old = getattr(importlib.import_module(module), name)
    assert old is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        importlib.import_module(module).nothing  # noqa: B018
