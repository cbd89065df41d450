"""Small images and kernels, and models that cost no training and hardly a trace."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import data, models, networks, operators, solvers
from tf_jfb.data import Photo, write_image
from tf_jfb.evaluation import Comparison
from tf_jfb.evaluation.protocols import LEVIN
from tf_jfb.exported import export
from tf_jfb.operators import kernels

BLUR = "gaussian:3:1.0"


class Told(tf.Module):
    """As a model for any blur is exported, but x = (1 - noise) d - peak of the kernel / 10."""

    def __init__(self):
        super().__init__()
        self.weights = [tf.Variable(tf.zeros([2, 1000]))]
        self.rtol = tf.Variable(1e-3, trainable=False)
        self.max_evaluations = tf.Variable(9, trainable=False)

    def deblur(self, image, kernel, noise, rtol, cap):
        part = tf.reduce_max(kernel, [1, 2]) / 10
        restored = (1 - noise)[:, None, None, None] * image - part[:, None, None, None]
        return {
            "restored": restored,
            "residual": rtol,
            "evaluations": cap,
            "status": tf.where(cap > 3, 0, 1),
        }

    def photo(self, image, kernel, noise, rtol, cap, mask):
        return {**self.deblur(image, kernel, noise, rtol, cap), "restored": image * mask}

    def trace(self, image, kernel, noise, rtol, cap):
        rows = tf.ones([tf.shape(image)[0], tf.reduce_max(cap)])
        return {**self.deblur(image, kernel, noise, rtol, cap), "trace": rows}


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """Folder of `Told`, exported."""
    images = [tf.TensorSpec([None] * 3 + [3], tf.float32, name="image")]
    images += [tf.TensorSpec([None] * 3, tf.float32, name="kernel")]
    images += [tf.TensorSpec([None], tf.float32, name="noise")]
    images += [tf.TensorSpec([None], tf.float32, name="rtol")]
    images += [tf.TensorSpec([None], tf.int32, name="max_evaluations")]
    mask = tf.TensorSpec([None] * 3 + [1], tf.float32, name="mask")
    model = Told()
    programs = {
        name: tf.function(f, input_signature=[*images, *more], autograph=False)
        for name, f, more in (
            ("deblur", model.deblur, []),
            ("deblur_photo", model.photo, [mask]),
            ("trace", model.trace, []),
        )
    }
    folder = tmp_path_factory.mktemp("models") / "any"
    tf.saved_model.save(model, str(folder / "1"), programs)
    return str(folder)


@pytest.fixture(scope="session")
def one(tmp_path_factory):
    """A model for one blur, and its folder."""
    keras.utils.set_random_seed(0)
    blur = operators.Blur(kernels.parse(BLUR))
    network = networks.DnCNN(depth=2, channels=4, gain=0.05)
    model = models.DEGrad(blur, network, solvers.Picard(rtol=1e-3))
    model.build((None, None, None, 3))
    return model, str(export(model, tmp_path_factory.mktemp("models") / "one" / "1"))


@pytest.fixture(scope="session")
def levin(tmp_path_factory):
    """A folder of small images, and a file of eight small kernels of two sizes."""
    folder = tmp_path_factory.mktemp("levin")
    for i in range(2):
        write_image(folder / f"{i}.png", Photo(data.dead_leaves(2, 28)[i][:24]))
    made = {name: kernels.gaussian(3 + 2 * (i % 2), 1.0) for i, name in enumerate(LEVIN)}
    np.savez(folder / "kernels.npz", **made)
    return {"path": str(folder), "kernels": str(folder / "kernels.npz")}


@pytest.fixture
def compared():
    """A small `Comparison` with changes."""

    def make(**changes):
        small = {"images": 1, "tuning": 1, "batch": 2, "max_evaluations": 6}
        small |= {} if "protocol" in changes else {"blur": BLUR}
        return Comparison(**{**small, **changes})

    return make
