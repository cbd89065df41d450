"""What TensorBoard is shown of a training: scalars, restorations and how their solves went."""

import importlib.util
import pathlib

import keras
import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.training.figures import SHOWN, plot_residuals


def installed() -> bool:
    """Whether TensorFlow can write what TensorBoard shows."""
    return importlib.util.find_spec("tensorboard") is not None


def check_installed(**asked) -> None:
    """Raises ValueError, naming what was `asked` for, where TensorBoard is missing."""
    name = next(iter(asked))
    check(installed(), f"`{name}` needs TensorBoard: pip install 'tf_jfb[tensorboard]'.", **asked)


def callbacks(run, pairs) -> list:
    """Keras' own callback for the scalars of every epoch, and ours for `pairs` of validation.

    Both write below `run`/tensorboard.
    """
    folder = pathlib.Path(run) / "tensorboard"
    scalars = keras.callbacks.TensorBoard(str(folder), write_graph=False)
    return [scalars, Restorations(pairs, folder / "restorations")]


class Restorations(keras.callbacks.Callback):
    """Logs the first validation images, as input | restored | sharp, after every validation.

    Of a model with `restore` also a figure of the relative residual |T(x) - x| / |T(x)| per
    evaluation of T, and the evaluations as a scalar of every image.

    Args:
        pairs: (measured, sharp), as the model is validated on.
        log_dir: folder for TensorBoard.
    """

    def __init__(self, pairs, log_dir):
        super().__init__()
        self.measured, self.sharp = tf.nest.map_structure(lambda part: part[:SHOWN], pairs)
        self.writer = tf.summary.create_file_writer(str(log_dir))
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_test_end(self, logs=None):
        told = self.measured if isinstance(self.measured, dict) else {"image": self.measured}
        with self.writer.as_default():
            if hasattr(self.model, "restore"):
                others = {name: part for name, part in told.items() if name != "image"}
                result = self.model.restore(told["image"], trace=True, **others)
                restored = result.image
                curves = plot_residuals(result.trace.numpy())
                tf.summary.image("residual", curves[None], self._epoch)
                for i, count in enumerate(result.evaluations.numpy()):
                    tf.summary.scalar(f"evaluations/image_{i}", count, self._epoch)
            else:
                restored = self.model(self.measured, training=False)
            rows = np.concatenate([told["image"], restored, self.sharp], axis=2)
            rows = np.clip(rows, 0.0, 1.0)
            tf.summary.image("input | restored | sharp", rows, self._epoch, max_outputs=SHOWN)
        self.writer.flush()
