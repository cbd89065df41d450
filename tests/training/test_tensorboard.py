"""What a training shows in TensorBoard."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.training import Config, train, train_denoiser

TINY = {
    "crop": 16,
    "size": 16,
    "depth": 3,
    "channels": 4,
    "gain": 0.05,
    "max_evaluations": 5,
    "batch_size": 2,
    "epochs": 2,
    "steps": 2,
    "validation": 2,
}
ANY_BLUR = {"blur": "any", "kernel_size": 7, "network": "unet", "scales": "2:3", "blocks": 1}


def logged(folder) -> dict:
    """{tag: [(step, value)]} of all event files below a folder."""
    found = {}
    for file in sorted(folder.rglob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for entry in event.summary.value:
                content = tf.make_ndarray(entry.tensor)
                found.setdefault(entry.tag, []).append((event.step, content))
    return found


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({}, id="one"),
        pytest.param({**ANY_BLUR, "model": "de-prox"}, id="any", marks=pytest.mark.slow),
    ],
)
def test_scalars_restorations_and_residuals_of_every_epoch(kind, tmp_path, no_figures):
    shared = {
        k: v for k, v in TINY.items() if "network" not in kind or k not in ("depth", "channels")
    }
    train(Config(**shared, **kind), tmp_path, verbose=0, tensorboard=True)
    found = logged(tmp_path / "tensorboard")
    assert {"epoch_loss", "epoch_psnr", "epoch_evaluations", "residual"} <= set(found)
    counts = found["evaluations/image_0"]
    assert [step for step, _ in counts] == [0, 1]
    assert all(1 <= float(count) <= 5 for _, count in counts)
    images = found["input | restored | sharp"]
    assert [step for step, _ in images] == [0, 1]
    # Of an image's content the first two entries are its width and height.
    content = images[1][1]
    assert [int(n) for n in content[:2]] == [3 * 16, 16] and len(content) == 2 + TINY["validation"]
    columns = np.split(tf.io.decode_png(content[2]).numpy().astype(float), 3, axis=1)
    assert 0 < np.abs(columns[0] - columns[2]).mean() < 100


def test_a_denoiser_has_images_and_no_residuals(tmp_path, no_figures):
    config = Config(**{**TINY, "epochs": 1})
    seen = []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    train_denoiser(config, tmp_path, verbose=0, callbacks=[spy], tensorboard=True)
    found = logged(tmp_path / "tensorboard")
    assert "input | restored | sharp" in found and "residual" not in found
    assert seen == [0]
