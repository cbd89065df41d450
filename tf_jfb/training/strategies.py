"""Strategies of `tf.distribute` by name, and what a training asks of one."""

import contextlib
import functools
import json
import os

import tensorflow as tf

from tf_jfb._compat import check_workers_are_served, spans_workers
from tf_jfb._validate import check, refuse

NAMES = ("default", "mirrored", "multiworker", "tpu")
LOST = (  # what a collective operation raises once a peer is gone
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


def make(name: str = "default") -> tf.distribute.Strategy:
    """The strategy of that name; call it before anything else of TensorFlow.

    A process has one strategy of a name: two would take each other's collective operations for
    their own.

    Args:
        name: "default", one device; "mirrored", all GPUs of this machine; "multiworker", all
            machines that the environment variable `TF_CONFIG` lists; "tpu", the TPU of this
            machine or the one that `TPU_NAME` names.

    Raises:
        ValueError: the name is none of these, `TF_CONFIG` is missing or incomplete, or there is
            no TPU.
        RuntimeError: this Keras cannot train over several workers.
    """
    check(name in NAMES, f"`strategy` must be one of {', '.join(NAMES)}.", strategy=name)
    return _make(name)


@functools.cache
def _make(name):
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multiworker":
        check_workers_are_served()
        _check_cluster(os.environ.get("TF_CONFIG"))
        return tf.distribute.MultiWorkerMirroredStrategy()
    return _tpu() if name == "tpu" else tf.distribute.get_strategy()


def grow_memory() -> None:
    """Lets TensorFlow take GPU memory as it needs it, not all at once; call it first."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files."""
    return strategy.extended.should_checkpoint


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Returns once every worker has come here."""
    if spans_workers(strategy):
        strategy.reduce("SUM", strategy.run(lambda: tf.ones([])), axis=None).numpy()


@contextlib.contextmanager
def lost_workers(strategy: tf.distribute.Strategy):
    """Says what to do when another worker dies: TensorFlow cannot go on without it."""
    try:
        yield
    except tf.errors.OpError as error:
        if not spans_workers(strategy) or not isinstance(error, LOST):
            raise
        raise RuntimeError(
            "A worker was lost: start all workers again with the same commands, and the training "
            f"goes on from its last whole epoch ({type(error).__name__})."
        ) from error


def _check_cluster(text) -> None:
    try:
        config = json.loads(text or "{}")
        jobs, task = config["cluster"], config["task"]
        ok = task["type"] in ("chief", "worker") and 0 <= int(task["index"]) < len(
            jobs[task["type"]]
        )
    except (ValueError, KeyError, TypeError):
        ok = False
    check(
        ok,
        "Strategy multiworker needs TF_CONFIG in the environment: a JSON object with `cluster`, "
        "the addresses of all workers, and `task`, the type and index of this one.",
        TF_CONFIG=text,
    )


def _tpu() -> tf.distribute.Strategy:
    name = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        refuse(f"Strategy tpu found no TPU ({type(error).__name__}).", TPU_NAME=name)
    return tf.distribute.TPUStrategy(resolver)
