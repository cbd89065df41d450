"""Two devices, and two processes, train as one device does with the same global batch."""

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import _compat, data, operators
from tf_jfb._compat import KERAS_3, value
from tf_jfb.models import DEGrad
from tf_jfb.networks import DnCNN, SpectralConv2D
from tf_jfb.regularizers import Correction, Jacobian
from tf_jfb.solvers import Picard
from tf_jfb.training import Config, Denoiser, fit, strategies, train
from tf_jfb.training.callbacks import Checkpoint
from tf_jfb.training.config import save_config

TRAIN = pathlib.Path(__file__).parents[2] / "scripts" / "train.py"
TRAINING = {"training": True} if KERAS_3 else {}  # what Keras 2 does not pass on
CONFIG = Config(
    crop=16,
    size=16,
    blur="gaussian:3:0.4",
    depth=3,
    channels=4,
    lipschitz=1.0,
    gain=0.1,
    momentum=0.9,
    eta=0.5,
    m=3,
    rtol=1e-4,
    max_evaluations=20,
    batch_size=4,
    epochs=3,
    steps=3,
    validation=3,
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run folder of one device."""
    run = tmp_path_factory.mktemp("alone")
    train(CONFIG, run, verbose=0)
    return run


@pytest.fixture
def mirrored(two_cpus):
    # Not the collective operations of the default: those of two strategies in a process mix.
    reduction = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(two_cpus, cross_device_ops=reduction)


def assert_same(a, b):
    """Every variable, the optimizer's included, and every logged figure."""
    with np.load(a / "last.npz") as one, np.load(b / "last.npz") as two:
        assert set(one.files) == set(two.files)
        for name in set(one.files) - {"history", "format", "version"}:
            if not KERAS_3 and one[name].ndim == 0:
                continue  # there a metric counts the updates of every replica
            np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=1e-4, err_msg=name)
        histories = [json.loads(str(saved["history"])) for saved in (one, two)]
    for row, other in zip(*histories, strict=True):
        for name in row:
            np.testing.assert_allclose(row[name], other[name], rtol=1e-3, err_msg=name)


class Agreement(keras.callbacks.Callback):
    """Holds the replicas' copies of every weight against each other."""

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.variables:
            copies = self.model.distribute_strategy.experimental_local_results(value(variable))
            assert len(copies) == 2
            np.testing.assert_array_equal(*copies, err_msg=variable.name)


@pytest.mark.slow
def test_two_devices_equal_one(alone, tmp_path, mirrored):
    model = train(CONFIG, tmp_path, verbose=0, callbacks=[Agreement()], strategy=mirrored)
    assert_same(alone, tmp_path)
    assert model.distribute_strategy.num_replicas_in_sync == 1


def test_penalties_are_those_of_the_global_batch(mirrored):
    """The random vectors of one, the early iterates of the other, and their share of the loss."""
    blur, solver = operators.GaussianBlur(3, 0.4), Picard(max_evaluations=3)
    sharp = np.random.default_rng(0).random((4, 12, 12, 3), np.float32)
    penalties = (Jacobian(0.1, power=1), Correction(0.5, evaluations=(2,)))
    results = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = DEGrad(blur, DnCNN(2, 4), solver, eta=0.5, regularizers=penalties)
            model.build((None, None, None, 3))
            model.compile("sgd")

        def step(x, model=model):
            with model.training_step():
                y = model(blur(x), training=True)
                loss = model.compute_loss(x, x, y, None, **TRAINING)
            return tf.distribute.get_replica_context().all_reduce("SUM", loss)

        loss = strategy.experimental_local_results(run(strategy, step, sharp))[0]
        results.append([loss, *(m.result() for m in model.penalty_metrics.values())])
    np.testing.assert_allclose(*results, rtol=1e-4)


def run(strategy, step, x):
    """`step` on every replica's share of x."""
    shares = tf.split(x, strategy.num_replicas_in_sync)
    values = strategy.experimental_distribute_values_from_function(
        lambda context: shares[context.replica_id_in_sync_group]
    )
    return tf.function(strategy.run, autograph=False)(step, (values,))


def test_batch_normalisation_in_training_is_that_of_the_global_batch(mirrored):
    """Output, gradient, statistics and the norm's vectors, from halves that differ."""
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype(np.float32)
    x[2:] = 3.0 * x[2:] + 1.0
    results = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            layer = SpectralConv2D(4, lipschitz=0.5, batch_norm=True, momentum=0.5)
            layer.build((None, None, None, 3))

        def step(share, layer=layer):
            with tf.GradientTape() as tape:
                y = layer(share, training=True)
                total = tf.reduce_sum(tf.sin(3.0 * y))
            gradients = tape.gradient(total, [value(v) for v in layer.trainable_variables])
            return y, *tf.distribute.get_replica_context().all_reduce("SUM", gradients)

        y, *gradients = run(strategy, step, x)
        local = strategy.experimental_local_results
        copies = [local(v) for v in (*gradients, *(value(v) for v in layer.variables))]
        results += [(tf.concat(local(y), 0), *copy) for copy in zip(*copies, strict=True)]
    assert len(results) == 3
    for copy in results[1:]:
        for a, b in zip(results[0], copy, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_float16_scales_the_loss(precision):
    model = Denoiser(DnCNN(2, 4, dtype=precision))
    model.build((None, None, None, 3))
    fit.compile_model(model, dataclasses.replace(CONFIG, precision=precision))
    scales = isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    assert scales == (precision == "mixed_float16")


@pytest.mark.parametrize("count", [2, 4])
def test_shards_make_up_every_batch(count):
    source, blur = data.dead_leaves(length=5, size=16), operators.GaussianBlur(3, 0.5)
    options = {"batch_size": 4, "crop": 8, "seed": 3, "start": 4}
    whole = data.examples(source, blur, 0.01, **options)
    parts = [data.examples(source, blur, 0.01, shard=(count, i), **options) for i in range(count)]
    for batch, *shares in zip(whole.take(3), *parts, strict=False):
        for i in range(2):
            np.testing.assert_array_equal(batch[i], np.concatenate([s[i] for s in shares]))


@pytest.mark.parametrize("shard", [(3, 0), (2, 2)])
def test_bad_shards(shard):
    with pytest.raises(ValueError, match="`shard` must be"):
        data.examples(data.dead_leaves(size=16), None, 0.0, batch_size=4, shard=shard)


def test_a_worker_that_is_not_the_chief_writes_nothing(tmp_path):
    extended = types.SimpleNamespace(should_checkpoint=False)
    checkpoint, model = Checkpoint(tmp_path), keras.Sequential([keras.layers.Dense(1)])
    model.build((None, 2))
    model.compile("sgd")
    checkpoint.set_model(
        types.SimpleNamespace(
            name=model.name,
            metrics=[],
            submodules=[],
            variables=model.variables,
            optimizer=model.optimizer,
            distribute_strategy=types.SimpleNamespace(extended=extended),
        )
    )
    checkpoint.on_epoch_end(0, {"val_psnr": 20.0})
    assert checkpoint.epoch == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "cluster", "message"),
    [
        ("mirror", None, "`strategy` must be one of default, mirrored, multiworker, tpu"),
        ("multiworker", None, "needs TF_CONFIG in the environment"),
        ("multiworker", "{", "needs TF_CONFIG in the environment"),
        ("multiworker", '{"cluster": {"worker": ["a:1"]}}', "needs TF_CONFIG"),
        (
            "multiworker",
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "needs TF_CONFIG",
        ),
        ("tpu", None, "found no TPU"),
    ],
)
def test_strategies_that_cannot_be_made(name, cluster, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if cluster is not None:
        monkeypatch.setenv("TF_CONFIG", cluster)
    with pytest.raises(ValueError, match=message):
        strategies.make(name)


def test_the_default_is_one_device():
    assert strategies.make().num_replicas_in_sync == 1


def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path, mirrored):
    config = dataclasses.replace(CONFIG, batch_size=3)
    with pytest.raises(ValueError, match="must be a multiple.*batch_size=3, replicas=2"):
        train(config, tmp_path / "run", strategy=mirrored)
    assert not (tmp_path / "run").exists()


def start(config, run, logs):
    """Two workers on loopback, as a cluster manager starts them."""
    sockets = [socket.socket() for _ in range(2)]
    for s in sockets:
        s.bind(("localhost", 0))
    workers = [f"localhost:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        with open(logs / f"{index}.txt", "a") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, TRAIN, "--config", config, "--run", run]
                    + ["--strategy", "multiworker"],
                    env={**os.environ, "TF_CONFIG": json.dumps(task)},
                    stdout=log,
                    stderr=log,
                )
            )
    return processes


def finish(processes, logs):
    """Exit codes; nothing is left behind."""
    try:
        return [process.wait(timeout=100) for process in processes]
    except subprocess.TimeoutExpired:
        pytest.fail("\n".join(path.read_text()[-2000:] for path in logs.iterdir()))
    finally:
        for process in processes:
            process.kill()


@pytest.mark.slow
def test_two_processes_one_of_them_killed_and_all_restarted(alone, tmp_path):
    config, run, logs = tmp_path / "config.yaml", tmp_path / "run", tmp_path / "logs"
    save_config(config, CONFIG)
    logs.mkdir()
    processes = start(config, run, logs)
    deadline = time.time() + 100
    while not (run / "log.csv").exists() and time.time() < deadline:
        assert processes[0].poll() is None, (logs / "0.txt").read_text()
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGKILL)
    survivor, killed = finish(processes, logs)
    report = (logs / "0.txt").read_text()[-3000:]
    assert killed == -signal.SIGKILL and survivor == 2, report
    assert "start all workers again" in report
    assert 1 <= len((run / "log.csv").read_text().splitlines()) - 1 < CONFIG.epochs
    assert finish(start(config, run, logs), logs) == [0, 0], (logs / "0.txt").read_text()[-3000:]
    assert_same(alone, run)


def test_a_keras_without_what_workers_need_is_refused(monkeypatch):
    monkeypatch.setattr(_compat, "KERAS_3", True)
    monkeypatch.setattr(_compat, "PRIVATE", ("_no_such_method",))
    with pytest.raises(
        RuntimeError, match="needs keras.Model._no_such_method, which Keras .* lacks"
    ):
        _compat.check_workers_are_served()
