"""The exported training step: a portable program, and in JAX the same numbers."""

import json
import pathlib

import numpy as np
import pytest
from commands import process, script

pytestmark = pytest.mark.slow
KIT = pathlib.Path(__file__).parents[1] / "scripts" / "gpu"
TINY = """
data: dead-leaves
blur: any
model: de-hqs
network: unet
scales: '4:8'
blocks: 1
gain: 0.1
denoiser_noise: 0.01
denoiser_noise_high: 0.2
ema: 0.9
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    (folder / "tiny.yaml").write_text(TINY)
    options = ["--denoiser", "--config", folder / "tiny.yaml", "--batch", 2, "--crop", 16]
    script("gpu/export_step.py", *options, "-o", folder / "denoiser")
    return folder / "denoiser"


def test_the_program_is_portable_and_its_state_is_described(kit):
    text, layout = (kit / "step.mlir").read_text(), json.loads((kit / "step.json").read_text())
    assert "stablehlo.convolution" in text and "mhlo" not in text
    assert layout["inputs"] == {"image": [2, 16, 16, 3], "noise": [2]}
    with np.load(kit / "state.npz") as state, np.load(kit / "check.npz") as check:
        shapes = [state[f"a{i}"].shape for i in range(len(state.files))]
        assert len(layout["weights"]) == len(layout["averages"]) == len(layout["variables"])
        assert all(shapes[i] == (0,) for i in layout["averages"])
        assert all(0 not in shapes[i] for i in layout["weights"])
        assert check["losses"][-1] < check["losses"][0]
        assert (check["changes"][layout["weights"]] > 0).all()


def test_jax_takes_the_same_steps_and_trains(kit, tmp_path):
    pytest.importorskip("jax")
    ran = process(KIT / "run_step.py", kit, "--check")
    assert float(ran.stdout.split("weights' changes:")[1]) < 1e-4
    images, weights = tmp_path / "images.npz", tmp_path / "weights.npz"
    script("gpu/pack_images.py", "--leaves", 2, "--leaves-side", 32, "-o", images)
    process(
        KIT / "run_step.py", kit, "--images", images, "--seconds", 1, "--steps", 2, "-o", weights
    )
    with np.load(weights) as learned:
        assert all(np.isfinite(learned[name]).all() for name in learned.files)
