"""The study of photon noise: what each way of treating it hands to the model."""

import json

import numpy as np
import pytest
from commands import script

import tf_jfb
from tf_jfb.data import Photo, write_image


class Untouched:
    """A model that returns what it is given."""

    rtol = 1e-3

    def __init__(self):
        self.inputs = []

    def run(self, inputs):
        self.inputs.append(inputs)
        return {"restored": inputs["image"]}


def test_every_way_is_measured(tmp_path, monkeypatch):
    model = Untouched()
    monkeypatch.setattr(tf_jfb, "load", lambda name: model)
    for i in range(2):
        write_image(tmp_path / f"{i}.png", Photo(tf_jfb.data.dead_leaves(1, 48, seed=i)[0]))
    out = tmp_path / "figures.json"
    told = ("--path", tmp_path, "--kernels", "box:3", "--images", 2, "--side", 32)
    ran = script("studies/photons.py", *told, "--photons", 100, "--output", out)
    assert ran.returncode == 0, ran.stderr
    assert "| photons at white | estimated | level | stabilised | weights |" in ran.stdout
    assert [len(rows["100"]) for rows in json.loads(out.read_text()).values()] == [2] * 4
    stabilised, estimated, level, weights = model.inputs
    np.testing.assert_allclose(stabilised["image"] ** 2, level["image"] + 0.00375, atol=1e-6)
    np.testing.assert_array_equal(stabilised["noise"], np.float32(0.05))
    means = level["image"].mean((1, 2, 3))
    np.testing.assert_allclose(level["noise"], np.sqrt(means / 100), rtol=1e-5)
    assert np.any(estimated["noise"] != level["noise"])
    # Root of the weight times the noise of a pixel is the level told, or the noise is less.
    told = weights["noise"][:, None, None, None]
    assert weights["mask"].max() == 1.0 and 0 < weights["mask"].min() < 1
    np.testing.assert_allclose(weights["image"], weights["mask"] * level["image"], rtol=1e-5)
    assert np.median(weights["mask"]) == pytest.approx(1.0, abs=0.05) and (told > 0).all()
