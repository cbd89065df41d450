"""The few places where Keras 2 (TensorFlow 2.15) and Keras 3 differ."""

import keras

KERAS_3 = hasattr(keras, "ops")


def value(variable):
    """The `tf.Variable` behind a Keras variable."""
    return variable.value if KERAS_3 else variable


register = keras.saving.register_keras_serializable("tf_jfb")
