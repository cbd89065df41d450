"""Run folders without the training that would make them."""

import pathlib

from tf_jfb._weights import save_weights
from tf_jfb.training import build_model
from tf_jfb.training.config import save_config


def untrained(config, folder, build=build_model):
    """`folder` as a training of `config` leaves it, with the weights that it starts from."""
    model, folder = build(config), pathlib.Path(folder)
    folder.mkdir()
    save_config(folder / "config.yaml", config)
    save_weights(folder / "best.npz", model)
    return model
