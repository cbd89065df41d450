"""Optimizers by name: Keras', and those of tensorflow-addons where that can be installed."""

import keras

from tf_jfb._compat import KERAS_3
from tf_jfb._validate import check, refuse

NAMES = ("adam", "lamb", "lookahead", "swa")
EPSILON = 1e-10  # losses on [0, 1] are small: the default epsilon would damp Adam's steps


def make(config, rate):
    """The optimizer of `config` with learning rate or schedule `rate`.

    | name | steps |
    |---|---|
    | "adam" | Adam; with `config.ema` the moving average of the weights is validated and kept |
    | "lamb" | Adam's, scaled to the norm of every layer's weights |
    | "lookahead" | of six of Adam's, half the way (tensorflow-addons) |
    | "swa" | Adam's; the mean of the weights in the second half is kept (tensorflow-addons) |

    Raises ValueError if the installed stack has no such optimizer or no moving average.
    """
    if config.optimizer == "adam":
        average = {"use_ema": True, "ema_momentum": config.ema} if config.ema else {}
        return keras.optimizers.Adam(rate, epsilon=EPSILON, **average)
    check(not config.ema, "`ema` needs the optimizer adam.", optimizer=config.optimizer)
    if config.optimizer == "lamb" and KERAS_3:
        return keras.optimizers.Lamb(rate, epsilon=EPSILON)
    addons = _addons(config.optimizer)
    if config.optimizer == "lamb":
        return addons.LAMB(rate, epsilon=EPSILON)
    adam = keras.optimizers.legacy.Adam(rate, epsilon=EPSILON)
    if config.optimizer == "lookahead":
        return addons.Lookahead(adam)
    return addons.SWA(adam, start_averaging=_half(config), average_period=1)


def averaging(config) -> list:
    """The callbacks that put averaged weights into the model while it is validated."""
    if config.optimizer == "swa":
        return [SwapAverages(_half(config))]
    if not config.ema:
        return []
    check(KERAS_3, "`ema` needs Keras 3; on Keras 2 there is the optimizer swa.", ema=config.ema)
    return [keras.callbacks.SwapEMAWeights()]


def build(optimizer, variables) -> None:
    """Makes the optimizer's variables, so that they can be restored."""
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    else:
        optimizer._create_all_weights(variables)


class SwapAverages(keras.callbacks.Callback):
    """Puts the averages of addons' SWA into the model while it is validated, after step `start`."""

    def __init__(self, start: int):
        super().__init__()
        self.start, self._kept = start, []

    def on_test_begin(self, logs=None):
        if int(self.model.optimizer.iterations) > self.start:
            weights = self.model.trainable_variables
            self._kept = [(weight, weight.numpy()) for weight in weights]
            self.model.optimizer.assign_average_vars(weights)

    def on_test_end(self, logs=None):
        for weight, kept in self._kept:
            weight.assign(kept)
        self._kept = []


def _half(config):
    return config.epochs * config.steps // 2


def _addons(name):
    """tensorflow_addons.optimizers."""
    try:
        import tensorflow_addons
    except ImportError:
        refuse(
            "This optimizer is tensorflow-addons', which needs TensorFlow 2.15: install the extra"
            " `addons` into an environment of its own.",
            optimizer=name,
        )
    return tensorflow_addons.optimizers
