"""torchdeq: its Anderson solver of depth 5, and the gradient through one recorded evaluation.

Its `f_max_iter` counts evaluations of T, the two before its loop included; with a tolerance of 0
it never stops early. In training one recorded evaluation comes on top.
"""

import importlib.metadata

import torch
import torch_programs
from torch import nn
from torch_map import Network, blur
from torchdeq import get_deq


def versions() -> dict:
    return {"torch": torch.__version__, "torchdeq": importlib.metadata.version("torchdeq")}


def programs(config: dict) -> dict:
    return torch_programs.programs(config, Model)


class Model(nn.Module):
    """The gradient step of DE-GRAD, solved by torchdeq."""

    def __init__(self, config: dict, training: bool):
        super().__init__()
        self.network = Network(config)
        self.log_eta = nn.Parameter(torch.zeros([]))
        self.deq = get_deq(
            f_solver="anderson", f_max_iter=config["evaluations"], f_tol=0.0, ift=False, grad=1
        )

    def forward(self, d: torch.Tensor) -> torch.Tensor:
        self.network.fold()
        T, right = self.problem(d)
        return self.deq(T, right, solver_kwargs={"m": 5})[0][-1]

    def problem(self, d: torch.Tensor) -> tuple:
        """(T, A^T d), the network being folded."""
        eta, right = self.log_eta.exp(), blur(d)

        def T(x):
            return x - eta * (blur(blur(x)) - right + self.network(x))

        return T, right
