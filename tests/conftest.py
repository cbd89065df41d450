"""What every test starts from: fixed seeds, float32, no TF32, two logical CPUs, no GPU unasked."""

import ctypes
import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # CUDA_VISIBLE_DEVICES=0 asks for the GPU
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["TF_JFB_CACHE"] = ""  # nothing is kept between runs of tests

import pytest

GROWTH = 96 * 2**20  # bytes by which a process may grow before it gives back what is free
_low = [0]  # what it had when it last did


def pytest_configure(config):
    """Not in the process that hands out tests: it needs no TensorFlow, which takes 6 s."""
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        gc.disable()  # until all is imported: nothing of it is garbage
        _prepare_tensorflow()


def _prepare_tensorflow() -> None:
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)
    # Most programs of a test run once, so that rewriting them costs more than it saves; what
    # depends on it turns it on. `make test-slow`, whose processes do not read this, and the demo
    # run as users do.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


def pytest_collection_finish(session):
    """What is imported stays: the collector need not look at it after every traced graph."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    gc.enable()


@pytest.fixture(autouse=True)
def fresh_keras():
    """Seeds Python, NumPy and TensorFlow, and undoes what a test may have set globally."""
    import keras
    import tensorflow as tf

    keras.backend.set_floatx("float32")
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    yield
    tf.config.run_functions_eagerly(False)


def pytest_runtest_logfinish(nodeid, location):
    """After a test that grew the process: else a worker ends with 4 GiB, most of it free."""
    if _resident() > _low[0] + GROWTH:
        gc.collect()
        getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)(0)
        _low[0] = _resident()


def _resident() -> int:
    try:
        with open("/proc/self/statm") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:  # not Linux
        return 0


@pytest.fixture
def no_figures(monkeypatch):
    """Of trainings: they take longer to draw than a tiny model to train."""
    from tf_jfb.training import fit

    for name in ("plot_log", "plot_restored"):
        monkeypatch.setattr(fit, name, lambda *_: None)


@pytest.fixture
def two_cpus():
    """Names of two devices for `tf.distribute`."""
    return ["/cpu:0", "/cpu:1"]
