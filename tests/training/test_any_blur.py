"""Training of models that are told the blur: through the configuration, and resumed."""

import numpy as np
import pytest
from run_folders import untrained

from tf_jfb import models, networks
from tf_jfb.diagnostics import audit_gradient
from tf_jfb.exported import for_blur
from tf_jfb.training import Config, build_model, load_run, train, train_denoiser
from tf_jfb.training.problem import degradation, validation_pairs

DATA = {"blur": "any", "kernel_size": 7, "noise": 0.005, "noise_high": 0.02, "size": 16, "crop": 16}
NETWORK = {"network": "unet", "scales": "2:3", "blocks": 1, "gain": 0.01}
TINY = {**DATA, **NETWORK, "batch_size": 2, "steps": 2, "validation": 2, "max_evaluations": 8}
KINDS = {"de-prox": models.DEProx, "de-hqs": models.DEHQS, "de-admm": models.DEADMM}


@pytest.mark.parametrize("name", KINDS)
def test_every_model_is_made_by_its_name(name):
    model = build_model(Config(**TINY, model=name))
    assert isinstance(model, KINDS[name]) and isinstance(model.network, networks.UNet)
    assert model.takes_kernel and model.takes_noise


@pytest.mark.slow
def test_denoiser_then_model_resumed_and_loaded(tmp_path):
    denoiser = {"denoiser_noise": 0.005, "denoiser_noise_high": 0.05, "epochs": 1}
    train_denoiser(Config(**TINY, **denoiser, model="de-hqs"), tmp_path / "denoiser", verbose=0)
    options = {"model": "de-hqs", "pretrained": str(tmp_path / "denoiser")}
    config = Config(**TINY, **options, epochs=2)
    whole = train(config, tmp_path / "run", verbose=0)
    assert (tmp_path / "run" / "restored.png").stat().st_size > 5_000
    loaded = load_run(tmp_path / "run")
    d = np.full((1, 16, 16, 3), 0.5, np.float32)
    told = {"kernel": np.ones((3, 3)) / 9, "noise": 0.01}
    first, second = (m.restore(d, **told).image for m in (whole, loaded))
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.slow
def test_a_model_of_photographs_is_trained_with_a_penalty_and_loaded(tmp_path, no_figures):
    penalty = {"jacobian_weight": 0.01, "jacobian_bound": 0.1}
    config = Config(**TINY, **penalty, model="de-hqs", boundary="photo", epochs=1)
    model = train(config, tmp_path / "run", verbose=0)
    assert model.boundary == load_run(tmp_path / "run").boundary == "photo"
    measured, sharp = validation_pairs(config, degradation(config), 2)
    assert measured["image"].shape == sharp.shape == (2, 10, 10, 3)  # of crops of 16, kernels of 7


@pytest.mark.slow
def test_a_model_of_photographs_is_audited():
    config = Config(**TINY, model="de-prox", boundary="photo")
    model, batch = build_model(config), validation_pairs(config, degradation(config), 1)
    model.compile()
    report = audit_gradient(model, batch, max_evaluations=4, iterations=2)
    assert np.isfinite(report.spectral_radius).all() and np.isfinite(report.contraction).all()


@pytest.mark.slow
def test_a_model_of_any_blur_goes_on_for_one(tmp_path, no_figures):
    """Trained from the weights of `for_blur`, whose boundary is black, and told the noise."""
    untrained(Config(**TINY, model="de-prox"), tmp_path / "any")
    one = {k: v for k, v in TINY.items() if k not in ("kernel_size", "families", "noise_high")}
    one |= {"blur": "gaussian:5:1.0", "steps": 1}
    config = Config(**one, model="de-prox", initial=str(tmp_path / "any"), epochs=1)
    before = for_blur(load_run(tmp_path / "any"), config.operator)
    (measured, sharp), start = validation_pairs(config, degradation(config), 2), build_model(config)
    np.testing.assert_array_equal(measured["noise"], np.float32([0.005, 0.005]))
    batch, _ = next(iter(degradation(config).examples([sharp[0]], batch_size=2)))
    np.testing.assert_array_equal(batch["noise"], measured["noise"])
    images = [m.restore(measured["image"], noise=0.005).image for m in (before, start)]
    np.testing.assert_array_equal(*images)
    after = train(config, tmp_path / "one", verbose=0)
    assert np.abs(after.restore(measured["image"], noise=0.005).image - images[0]).max() > 0
    with pytest.raises(ValueError, match="`noise`"):
        after.restore(measured["image"])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"network": "unet"}, "another model than de-grad"),
        ({"model": "de-hqs", "eta": 2.0}, "`eta` needs model de-grad or de-prox, .* eta=2.0"),
        ({"network": "dncnn", "blocks": 3}, "`blocks` needs network unet, and would be ignored"),
        ({"jacobian_power": 3}, "`jacobian_power` needs jacobian_weight > 0"),
        ({"network": "unet", "model": "de-hqs", "noise": 0}, "told the noise, > 0.*noise=0"),
        ({"model": "de-foo"}, "`model` must be one of de-grad"),
        ({"blur": "any", "families": "motion+smear"}, "`families` must be one or several"),
        ({"blur": "any", "families": "none"}, "or none, with `kernel_files`"),
        ({"boundary": "photo"}, "`boundary` needs blur any, and would be ignored"),
        ({"scales": "32,64"}, "`scales` must be channels per scale"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_kernels_of_files_are_trained_on(tmp_path):
    kernel = np.zeros((7, 7), np.float32)
    kernel[3, 1:5] = 0.25
    np.savez(tmp_path / "psf.npz", a=kernel, b=kernel.T)
    files = f"{tmp_path}/psf.npz:a,{tmp_path}/psf.npz:b"
    drawn = degradation(Config(**TINY, model="de-hqs", families="none", kernel_files=files))
    bank = drawn.blurs.bank(8)
    assert {bool(k[3, 1]) for k in bank} == {True, False}
    np.testing.assert_allclose(bank.max(axis=(1, 2)), 0.25)
    box = degradation(Config(**TINY, model="de-hqs", families="box")).blurs.draw(0)
    np.testing.assert_allclose(box[box > 0], 1 / 9, atol=1e-6)
