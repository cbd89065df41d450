"""Trains a model or its denoiser through `model.fit`, into a run folder that resumes."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb._weights import load_weights
from tf_jfb.data import Degradation
from tf_jfb.training import build, optimizers, problem, strategies
from tf_jfb.training import tensorboard as boards
from tf_jfb.training.callbacks import (
    AuditGradient,
    Checkpoint,
    ConvergenceAdvice,
    Throughput,
)
from tf_jfb.training.config import Config, recorded_config, save_config
from tf_jfb.training.figures import SHOWN, plot_log, plot_restored
from tf_jfb.training.kernel_file import keep_kernel


class _Task(NamedTuple):
    """What is learned."""

    make: Callable  # () -> the model, built
    degradation: Degradation  # of the images
    audit: int = 0  # validation crops on which the gradient is audited


def train(
    config: Config, run, verbose="auto", callbacks=(), strategy=None, tensorboard=False
) -> keras.Model:
    """Trains the model of `config`; calling it again resumes. Returns the best model.

    Under a `strategy` of `tf.distribute`, `config.batch_size` is shared out among its replicas,
    the result is that of one device, and the process that is the chief writes `run`, a folder
    that all see. A run may be resumed under another strategy. The model returned is under none.

    Args:
        config: of the training.
        run: folder for configuration, log, checkpoints and figures.
        verbose: as in `fit`, "auto" being a bar on a terminal and elsewhere a line per epoch;
            workers other than the chief are silent.
        callbacks: of Keras, besides ours.
        strategy: of `tf_jfb.training.strategies`; default none.
        tensorboard: also log scalars, restorations and residuals to `run`/tensorboard.

    Raises:
        ValueError: `run` belongs to another configuration, cannot be written or is not shared
            by all workers, or the replicas cannot share the batch equally.
        RuntimeError: another worker was lost; all must be started again, and resume.
    """
    kind = problem.degradation(config)
    task = _Task(lambda: build.build_model(config), kind, config.audit)
    return _fit(task, config, run, verbose, callbacks, strategy, tensorboard)


def train_denoiser(
    config: Config, run, verbose="auto", callbacks=(), strategy=None, tensorboard=False
) -> keras.Model:
    """Trains the network as a denoiser on `config.denoiser_noise`; otherwise like `train`.

    It goes on from `config.initial`: a denoiser, or the network of a model, divided by
    `config.denoiser_weight`.
    """
    check(
        config.pretrained is None,
        "`pretrained` must be left out: a denoiser goes on from `initial`.",
        pretrained=config.pretrained,
    )
    task = _Task(lambda: build.build_denoiser(config), problem.noisy(config))
    return _fit(task, config, run, verbose, callbacks, strategy, tensorboard)


def _fit(task, config, run, verbose, callbacks, strategy, tensorboard):
    run, strategy = pathlib.Path(run), strategy or tf.distribute.get_strategy()
    replicas, chief = strategy.num_replicas_in_sync, strategies.is_chief(strategy)
    check(
        config.batch_size % replicas == 0,
        "`batch_size`, that of all replicas together, must be a multiple of their number.",
        batch_size=config.batch_size,
        replicas=replicas,
    )
    if tensorboard:
        boards.check_installed(tensorboard=tensorboard)
    pairs = problem.validation_pairs(config, task.degradation, config.validation)
    images, checkpoint = problem.source(config, "train"), Checkpoint(run)
    problem.check_crop(config, task.degradation)
    with strategy.scope():
        model = task.make()
        compile_model(model, config)
    _claim(run, config, strategy)  # last of what may fail: the folder refuses other options
    with strategy.scope():
        checkpoint.restore(model)
    size = min(config.batch_size // replicas, len(pairs[1]))
    ours = _callbacks(task, config, checkpoint, pairs, chief, tensorboard)
    if checkpoint.epoch < config.epochs:
        with strategies.lost_workers(strategy), problem.named_images():
            model.fit(
                _training(task, config, images, checkpoint.epoch, strategy),
                epochs=config.epochs,
                initial_epoch=checkpoint.epoch,
                steps_per_epoch=config.steps,
                shuffle=False,  # examples are numbered
                verbose=_verbosity(verbose) if chief else 0,
                validation_data=_validation(pairs, size, strategy),
                validation_steps=-(-len(pairs[1]) // size),
                callbacks=[*callbacks, *ours],
            )
    return _finish(task, run, model, pairs, strategy)


def _callbacks(task, config, checkpoint, pairs, chief, tensorboard) -> list:
    ours = [checkpoint, ConvergenceAdvice()] if chief else [checkpoint]
    if chief and tensorboard:
        ours += boards.callbacks(checkpoint.folder, pairs)
    ours += optimizers.averaging(config)  # last: the others see the averages it puts in
    if config.crop and chief:
        ours.append(Throughput(config.steps * config.batch_size * config.crop**2))
    if chief and task.audit:
        side = config.crop or 128
        crops = problem.validation_pairs(config, task.degradation, task.audit, side)
        log_dir = checkpoint.folder / "tensorboard" if boards.installed() else None
        ours.insert(0, AuditGradient(crops, log_dir))
    return ours


def _verbosity(verbose):
    """A progress bar on a terminal, elsewhere a line per epoch."""
    return verbose if verbose != "auto" else 1 if sys.stdout.isatty() else 2


def _finish(task, run, model, pairs, strategy):
    """The best model, outside the strategy, and its figures."""
    with strategies.lost_workers(strategy):
        strategies.wait_for_all(strategy)  # for best.npz
        if tf.distribute.get_strategy() is not strategy:
            model = task.make()
        check(
            (run / "best.npz").is_file(),
            "The training kept no weights: the validation PSNR was never finite. Lower "
            "`learning_rate`, or add a `warmup`.",
            run=str(run),
        )
        load_weights(run, model)
        if strategies.is_chief(strategy):
            plot_log(run)
            plot_restored(run, model, tf.nest.map_structure(lambda part: part[:SHOWN], pairs))
        strategies.wait_for_all(strategy)  # a process that ends early takes the others with it
    return model


def compile_model(model, config) -> None:
    """Gives `model` the optimizer and the loss of `config`, and makes the optimizer's variables."""
    model.compile(optimizers.make(config, _schedule(config)), loss=config.loss)
    optimizers.build(model.optimizer, model.trainable_variables)


def _training(task, config, images, epoch, strategy):
    """Batches of `images` from `epoch` on: each replica's share of the global batch."""
    replicas = strategy.num_replicas_in_sync

    def batches(context):
        workers = context.num_input_pipelines
        shares = task.degradation.examples(
            images,
            batch_size=config.batch_size,
            crop=config.crop,
            shrink=config.shrink,
            seed=config.seed,
            start=epoch * config.steps * config.batch_size,
            shard=(workers, context.input_pipeline_id),
        )
        return shares if workers == replicas else shares.rebatch(config.batch_size // replicas)

    return _distributed(batches, strategy)


def _validation(pairs, size, strategy):
    """Endless; every replica sees every image, so that any number of them gives exact means."""

    def batches(context):
        local = strategy.num_replicas_in_sync // context.num_input_pipelines
        batches = tf.data.Dataset.from_tensor_slices(pairs).batch(size).repeat()
        if local == 1:
            return batches
        return batches.flat_map(lambda *batch: tf.data.Dataset.from_tensors(batch).repeat(local))

    return _distributed(batches, strategy)


def _distributed(batches, strategy):
    """`batches(context)` yields in turn what each replica of a worker is to have in a step."""
    if strategy.num_replicas_in_sync == 1:
        return batches(tf.distribute.InputContext())
    return strategy.distribute_datasets_from_function(batches)


def _schedule(config):
    """Linear warm-up, then a cosine decay to 1 %, or none."""
    steps, rate = config.epochs * config.steps, config.learning_rate
    if config.schedule == "constant":
        rise = keras.optimizers.schedules.PolynomialDecay
        return rise(0.01 * rate, config.warmup, rate) if config.warmup else rate
    if not config.warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.01)
    decay = max(1, steps - config.warmup)
    return keras.optimizers.schedules.CosineDecay(
        0.01 * rate, decay, alpha=0.01, warmup_target=rate, warmup_steps=config.warmup
    )


def _claim(run, config, strategy) -> None:
    """Records the configuration in the run folder, or checks that it is the one recorded."""
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        check(
            False, f"`run` must be a folder that can be written ({error.strerror}).", run=str(run)
        )
    file = run / "config.yaml"
    saved = recorded_config(file) if file.exists() else None
    if saved is not None:
        free = {"epochs"} if config.schedule == "constant" else set()  # of steps yet to come
        names = [field.name for field in dataclasses.fields(Config) if field.name not in free]
        changed = [name for name in names if getattr(saved, name) != getattr(config, name)]
        check(
            not changed,
            "`run` belongs to another configuration: restore the options, or choose a new folder, "
            "with `initial` (--initial RUN) to go on from the weights of this one.",
            run=str(run),
            changed=changed,
        )
    keep_kernel(run, config, write=strategies.is_chief(strategy))
    if saved != config and strategies.is_chief(strategy):
        save_config(file, config)
    with strategies.lost_workers(strategy):
        strategies.wait_for_all(strategy)
    check(file.exists(), "`run` must be a folder that all workers share.", run=str(run))
