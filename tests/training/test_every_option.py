"""Every option of a training, turned, changes what is fitted: the model, the data or the steps."""

import dataclasses
import hashlib
import json
import pathlib
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from run_folders import untrained

from tf_jfb import models
from tf_jfb.data import Photo, RandomBlurs, write_image
from tf_jfb.training import Config, Denoiser, train, train_denoiser
from tf_jfb.training.build import build_denoiser
from tf_jfb.training.config import DEFAULTS

pytestmark = pytest.mark.slow
DNCNN = {"depth": 2, "channels": 2, "crop": 8, "size": 16}
DNCNN |= {"batch_size": 2, "epochs": 2, "steps": 2, "validation": 2, "noise": 0.01}
UNET = {name: DNCNN[name] for name in DNCNN if name not in ("depth", "channels")}
UNET |= {"model": "de-hqs", "network": "unet", "scales": "2:4", "blocks": 1, "lipschitz": 0.01}
HQS = {name: DNCNN[name] for name in DNCNN if name in UNET} | {"model": "de-hqs"}
ANY = UNET | {"blur": "any", "kernel_size": 7, "crop": 12}
FILES = ANY | {"families": "none", "kernel_files": "kernel.txt"}
PENALISED = DNCNN | {"jacobian_weight": 0.1}
PHOTOS = DNCNN | {"data": "folder"}

# Options, what else is chosen, their other value: where it is not the default's next.
OTHERS = {
    "data": (DNCNN, "folder"),
    "path": (PHOTOS, "others"),
    "size": (DNCNN, 14),
    "crop": (DNCNN, 6),
    "blur": (DNCNN, "gaussian:3:1.0"),
    "noise_high": (ANY, 0.1),
    "kernel_size": (ANY, 9),
    "families": (ANY, "box"),
    "kernel_files": (FILES, "other.txt"),
    "boundary": (ANY, "photo"),
    "misjudged": (ANY, 1.0),
    "linear": (ANY, 1.0),
    "model": (DNCNN, "de-prox"),
    "network": (HQS, "unet"),
    "scales": (UNET, "2:3"),
    "blocks": (UNET, 2),
    "rho": (UNET, 0.3),
    "level": (UNET, 0.03),
    "continuation": (UNET, 2),
    "lipschitz": (DNCNN, 0.02),
    "precondition": (DNCNN, 0.1),
    "gradient": (DNCNN, "neumann:2"),
    "pretrained": (DNCNN, "denoiser"),
    "initial": (DNCNN, "model"),
    "jacobian_bound": (PENALISED, 0.5),
    "jacobian_power": (PENALISED, 2),
    "denoiser_weight": (DNCNN | {"pretrained": "denoiser"}, 0.5),
    "denoiser_noise_high": (UNET, 0.1),
    "precision": (DNCNN, "mixed_bfloat16"),
    "optimizer": (DNCNN, "lamb"),
    "loss": (DNCNN, "mae"),
    "schedule": (DNCNN, "constant"),
    "warmup": (DNCNN, 1),
    "audit": (DNCNN, 1),
}
NAMED = ("path", "kernel_files", "pretrained", "initial")
OF_DENOISERS = ("denoiser_noise", "denoiser_noise_high")


class WouldFit(Exception):  # noqa: N818 - it ends what went well
    """Ends a training where it would begin, with what would be done."""


def record(model, examples, **how):
    """All that a training depends on, as text."""
    names = [name for name in how if name not in ("validation_data", "callbacks")]
    parts = {name: how[name] for name in names}
    parts["model"] = keras.saving.serialize_keras_object(
        model.network if isinstance(model, Denoiser) else model
    )
    parts["optimizer"] = model.optimizer.get_config()
    parts["loss"] = str(model.loss)
    parts["callbacks"] = [type(callback).__name__ for callback in how["callbacks"]]
    arrays = [next(iter(data)) for data in (examples, how["validation_data"])]
    arrays.append([w.numpy() for w in model.weights])
    content = b"".join(np.asarray(part).tobytes() for part in tf.nest.flatten(arrays))
    parts["arrays"] = hashlib.sha256(content).hexdigest()
    raise WouldFit(json.dumps(parts, sort_keys=True, default=str))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two folders of photographs, a kernel, and runs of a denoiser and of a model."""
    folder = tmp_path_factory.mktemp("options")
    for seed, name in enumerate(("photos", "others")):
        for split in ("train", "valid"):
            (folder / name / split).mkdir(parents=True)
            for i in range(2):
                pixels = np.random.default_rng([seed, i]).random((16, 16, 3), np.float32)
                write_image(folder / name / split / f"{i}.png", Photo(pixels))
    (folder / "kernel.txt").write_text("1 2 1\n" * 3)
    (folder / "other.txt").write_text("1 3 1\n" * 3)
    untrained(Config(**DNCNN, seed=1), folder / "model")
    untrained(Config(**DNCNN, seed=1), folder / "denoiser", build_denoiser)
    return folder


@pytest.fixture(scope="module")
def fitted(files):
    """What a training with given options would do."""
    known = {}

    def run(options, learn, again=False):
        key = json.dumps([options, learn.__name__], sort_keys=True)
        if again or key not in known:
            keras.backend.clear_session()  # names are numbered
            keras.utils.set_random_seed(0)
            place = pathlib.Path(tempfile.mkdtemp(dir=files))
            with pytest.raises(WouldFit) as found:
                learn(Config(**options | _found(options, files)), place)
            known[key] = str(found.value)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        for kind in (models.Equilibrium, Denoiser):
            patch.setattr(kind, "fit", record)
        bank = RandomBlurs.bank
        patch.setattr(
            RandomBlurs, "bank", lambda self, count, *args, **how: bank(self, 8, *args, **how)
        )
        yield run


def _found(options, files) -> dict:
    """The options that name files, these being those of `files`."""
    named = {name: str(files / options[name]) for name in NAMED if options.get(name)}
    if options.get("data") == "folder":
        named.setdefault("path", str(files / "photos"))
    return named


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Config)])
def test_turned_it_changes_what_is_fitted(fitted, name):
    base, other = OTHERS.get(name, (DNCNN, None))
    learn = train_denoiser if name in OF_DENOISERS else train
    if other is None:
        value = base.get(name, DEFAULTS[name])
        other = value + 1 if isinstance(value, int) else value / 2 or 0.5
    assert fitted(base, learn) != fitted(base | {name: other}, learn)


@pytest.mark.parametrize("base", [DNCNN, ANY], ids=["dncnn", "any"])
def test_the_same_options_fit_the_same(fitted, base):
    assert fitted(base, train) == fitted(base, train, again=True)
