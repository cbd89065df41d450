"""T of a trained model in PyTorch, solved to a tolerance by torchdeq's Anderson solver.

Its defaults apart from m = 5 and the stop: the relative residual of every image of the batch.
"""

import functools

import numpy as np
import torch
from torch.nn import functional
from torch_map import LAYOUTS, planes
from torchdeq import get_deq
from worker_torchdeq import versions as versions


def programs(config: dict) -> dict:
    torch.set_num_threads(config["threads"])
    solve = functools.cache(lambda: Solve(config))
    return {"solve": solve, "residual": lambda: solve().residual}


class Solve:
    """Calling it solves for the images and returns the evaluations."""

    @torch.inference_mode()
    def __init__(self, config: dict):
        with np.load(f"{config['folder']}/{config['size']}.npz") as arrays:
            arrays = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        self.T = Map(arrays, LAYOUTS[config["layout"]])
        self.deq = get_deq(
            f_solver="anderson",
            f_max_iter=config["max_evaluations"],
            f_tol=config["tolerance"],
            f_stop_mode="rel",
        ).eval()
        error = (self.T(self.T.right) - planes(arrays["mapped"])).abs().max().item()
        if not error <= 1e-4:
            raise ValueError(f"T must agree between the libraries to 1e-4. Received: {error:.2g}")

    @torch.inference_mode()
    def __call__(self) -> int:
        self.T.evaluations = 0
        self.x = self.deq(self.T, self.T.right, solver_kwargs={"m": 5})[0][-1]
        return self.T.evaluations

    @torch.inference_mode()
    def residual(self) -> float:
        """Largest |T(x) - x| / |T(x)| of the last run."""
        mapped = self.T(self.x)
        norms = [v.flatten(1).norm(dim=1) for v in (mapped - self.x, mapped)]
        return (norms[0] / norms[1]).max().item()


class Map:
    """T(x) = x - eta P (A^T (A x - d) + R(x)), which counts its evaluations; `right` is A^T d."""

    def __init__(self, arrays: dict, layout):
        depth = sum(name.startswith("kernel_") for name in arrays)
        kernels = [arrays[f"kernel_{i}"].permute(3, 2, 0, 1) for i in range(depth)]
        self.layers = [
            (kernel.contiguous(memory_format=layout), arrays.get(f"bias_{i}"))
            for i, kernel in enumerate(kernels)
        ]
        names = ("gain", "eta", "rho", "bound", "iterations")
        self.scalars = {name: arrays[name].item() for name in names if name in arrays}
        d = planes(arrays["d"])
        self.taps = arrays["taps"].view(1, 1, -1, 1).repeat(d.shape[1], 1, 1, 1)
        self.right, self.evaluations = self.blur(d), 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.evaluations += 1
        gradient = self.blur(self.blur(x)) - self.right + self.network(x)
        return x - self.scalars["eta"] * self.precondition(gradient)

    def network(self, x: torch.Tensor) -> torch.Tensor:
        for kernel, bias in self.layers[:-1]:
            x = functional.relu_(functional.conv2d(x, kernel, bias, padding="same"))
        kernel, bias = self.layers[-1]
        return self.scalars["gain"] * functional.conv2d(x, kernel, bias, padding="same")

    def blur(self, x: torch.Tensor) -> torch.Tensor:
        """A and its adjoint: one axis, then the other, a channel at a time."""
        half, channels = self.taps.shape[2] // 2, len(self.taps)
        x = functional.conv2d(x, self.taps, padding=(half, 0), groups=channels)
        return functional.conv2d(x, self.taps.mT, padding=(0, half), groups=channels)

    def precondition(self, g: torch.Tensor) -> torch.Tensor:
        """(A^T A + rho I)^-1 g by the Chebyshev polynomial of `tf_jfb.operators`."""
        if "rho" not in self.scalars:
            return g
        rho, half = self.scalars["rho"], 0.5 * self.scalars["bound"] ** 2
        middle = half + rho
        ratio = half / middle
        x = step = g / middle
        for _ in range(int(self.scalars["iterations"]) - 1):
            residual = g - (self.blur(self.blur(x)) + rho * x)
            new = 1.0 / (2.0 * middle / half - ratio)
            step = new * ratio * step + 2.0 * new / half * residual
            x, ratio = x + step, new
        return x
