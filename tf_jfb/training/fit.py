"""Trains a denoiser or DE-GRAD through `model.fit`, into a run folder that resumes."""

import dataclasses
import pathlib

import keras
import numpy as np
import tensorflow as tf

from tf_jfb import data, gradients
from tf_jfb._compat import value
from tf_jfb._validate import check
from tf_jfb.models import DEGrad
from tf_jfb.networks import DnCNN
from tf_jfb.solvers import Anderson
from tf_jfb.training.callbacks import (
    AuditGradient,
    Checkpoint,
    ConvergenceAdvice,
    load_weights,
)
from tf_jfb.training.config import Config, load_config, save_config
from tf_jfb.training.denoiser import Denoiser
from tf_jfb.training.figures import plot_log, plot_restored

# Where an exported model keeps the configuration of its training; SavedModel leaves it alone.
CONFIG_OF_EXPORT = pathlib.Path("assets.extra") / "config.yaml"
CACHE = 2**29  # bytes of decoded images that a source keeps


def train(config: Config, run, verbose="auto") -> keras.Model:
    """Trains DE-GRAD as `config` says; calling it again resumes. Returns the best model."""
    audits = []
    if config.audit:
        pairs = _pairs(config, config.operator, config.noise, config.audit, config.crop or 128)
        audits.append(AuditGradient(pairs, pathlib.Path(run) / "tensorboard"))
    model = build_model(config)
    return _fit(model, config, run, config.operator, config.noise, verbose, audits)


def train_denoiser(config: Config, run, verbose="auto") -> keras.Model:
    """Trains the network as a denoiser on `config.denoiser_noise`; resumes like `train`.

    From `config.initial`, a DE-GRAD, it takes the network, divided by `config.denoiser_weight`.
    """
    network = build_model(dataclasses.replace(config, pretrained=None)).network
    if config.initial is not None:
        _scale_output(network, 1.0 / config.denoiser_weight)
    model = Denoiser(network)
    model.build((None, None, None, 3))
    return _fit(model, config, run, None, config.denoiser_noise, verbose)


def build_model(config: Config) -> DEGrad:
    """DE-GRAD of `config`, built, its network from the pretrained denoiser if one is named."""
    _seed(config)
    solver = Anderson(m=config.m, rtol=config.rtol, max_evaluations=config.max_evaluations)
    model = DEGrad(
        config.operator,
        _network(config),
        solver,
        gradients.named(config.gradient),
        eta=config.eta,
        precondition=config.precondition,
        regularizers=config.regularizers,
    )
    model.build((None, None, None, 3))
    if config.pretrained is not None:
        _load_denoiser(config, model.network)
    if config.initial is not None:
        load_weights(config.initial, model)
    return model


def load_run(run, precision: str = "float32") -> DEGrad:
    """The best model of a run folder, or the model that a folder of `scripts/export.py` holds."""
    run = pathlib.Path(run)
    exported = run / CONFIG_OF_EXPORT
    file = exported if exported.is_file() else run / "config.yaml"
    for needed in (file,) if file == exported else (file, run / "best.npz"):
        check(
            needed.is_file(),
            f"The run folder must hold {needed.name}: train first.",
            run=str(run),
        )
    options = load_config(file)
    model = build_model(
        Config(**{**options, "precision": precision, "pretrained": None, "initial": None})
    )
    load_weights(run, model)
    return model


def source(config: Config, split: str):
    """Images of `config` for "train" or "test"."""
    if config.data == "dead-leaves":
        return data.DeadLeaves(
            10_000,
            config.size or config.crop or 64,
            seed=config.seed + (0 if split == "train" else 1_000_003),
        )
    if config.data == "celeba":
        return data.celeba(config.path, split, config.size or 128, cache=CACHE)
    has_splits = (pathlib.Path(config.path) / split).is_dir()
    return data.FolderSource(
        pathlib.Path(config.path) / split if has_splits else config.path, config.size, cache=CACHE
    )


def _fit(model, config, run, operator, noise, verbose, callbacks=()):
    run = pathlib.Path(run)
    _claim(run, config)
    # Losses on [0, 1] are small: the default epsilon would damp Adam's steps.
    model.compile(keras.optimizers.Adam(_schedule(config), epsilon=1e-10))
    model.optimizer.build(model.trainable_variables)
    checkpoint = Checkpoint(run)
    checkpoint.restore(model)
    pairs = _pairs(config, operator, noise, config.validation, 256)
    validation = tf.data.Dataset.from_tensor_slices(pairs).batch(
        min(config.batch_size, len(pairs[0]))
    )
    batches = data.examples(
        source(config, "train"),
        operator,
        noise,
        batch_size=config.batch_size,
        crop=config.crop,
        seed=config.seed,
        start=checkpoint.epoch * config.steps * config.batch_size,
    )
    if checkpoint.epoch < config.epochs:
        model.fit(
            batches,
            epochs=config.epochs,
            initial_epoch=checkpoint.epoch,
            steps_per_epoch=config.steps,
            verbose=verbose,
            validation_data=validation,
            callbacks=[*callbacks, checkpoint, ConvergenceAdvice()],
        )
    load_weights(run, model)
    plot_log(run)
    plot_restored(run, model, validation)
    return model


def _schedule(config):
    """Linear warm-up, then a cosine decay to 1 %."""
    steps, rate = config.epochs * config.steps, config.learning_rate
    if not config.warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.01)
    return keras.optimizers.schedules.CosineDecay(
        0.01 * rate, steps, alpha=0.01, warmup_target=rate, warmup_steps=config.warmup
    )


def _claim(run, config) -> None:
    """Records the configuration in the run folder, or checks that it is the one recorded."""
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        check(
            False, f"`run` must be a folder that can be written ({error.strerror}).", run=str(run)
        )
    file = run / "config.yaml"
    if file.exists():
        saved = Config(**load_config(file))
        changed = [
            f.name
            for f in dataclasses.fields(Config)
            if getattr(saved, f.name) != getattr(config, f.name)
        ]
        check(
            not changed,
            "`run` belongs to another configuration; choose a new folder or restore the options.",
            run=str(run),
            changed=changed,
        )
    save_config(file, config)


def _pairs(config, operator, noise, count, most) -> tuple:
    """(measured, sharp) of the first `count` validation images, noise fixed.

    Centre-cropped to the smallest side among them, and to `most`.
    """
    images = source(config, "test")
    sharp = [images[i] for i in range(min(count, len(images)))]
    side = min(most, *(n for image in sharp for n in image.shape[:2]))
    sharp = np.stack([_centre(image, side) for image in sharp])
    unit = np.random.default_rng([config.seed, 3]).standard_normal(sharp.shape, np.float32)
    blurred = sharp if operator is None else operator(sharp).numpy()
    return blurred + noise * unit, sharp


def _centre(image, side):
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _network(config) -> DnCNN:
    return DnCNN(
        config.depth,
        config.channels,
        config.lipschitz,
        config.gain,
        config.momentum,
        dtype=config.precision,
    )


def _seed(config) -> None:
    keras.utils.set_random_seed(config.seed)


def _load_denoiser(config, network) -> None:
    denoiser = Denoiser(network)
    denoiser.build((None, None, None, 3))
    load_weights(config.pretrained, denoiser)
    _scale_output(network, config.denoiser_weight)


def _scale_output(network, factor) -> None:
    last = value(network.convs[-1].kernel)
    last.assign(last * factor)
