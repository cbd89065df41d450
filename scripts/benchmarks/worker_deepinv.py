"""deepinv: its gradient descent as an equilibrium model, Anderson of depth 5, Jacobian-free.

Gradient descent on an L2 data term and a prior whose gradient is the network is the same T:
x - stepsize * (A^T (A x - d) + R(x)). Its Anderson options are those of `deepinv.optim`, which
the iteration obeys; an equilibrium model applies T once more after its `max_iter` iterations, at
inference too, so that inference gets one iteration less for the same number of evaluations.
"""

import deepinv
import torch
import torch_programs
from deepinv.optim import GD, L2, Prior
from deepinv.optim.optimizers import AndersonAccelerationConfig, DEQConfig
from torch import nn
from torch_map import Network, blur


def versions() -> dict:
    return {"torch": torch.__version__, "deepinv": deepinv.__version__}


def programs(config: dict) -> dict:
    return torch_programs.programs(config, Model)


class Regulariser(Prior):
    """A prior known by its gradient alone, the network."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        self.explicit_prior = False

    def grad(self, x, *args, **kwargs):
        return self.network(x)


class Model(nn.Module):
    """The gradient step of DE-GRAD, solved by deepinv."""

    def __init__(self, config: dict, training: bool):
        super().__init__()
        self.network = Network(config)
        self.physics = deepinv.physics.LinearPhysics(A=_blur, A_adjoint=_blur)
        self.solver = GD(
            data_fidelity=L2(),
            prior=Regulariser(self.network),
            stepsize=1.0,
            max_iter=config["evaluations"] - (0 if training else 1),
            early_stop=False,
            trainable_params=["stepsize"],
            DEQ=DEQConfig(jacobian_free=True),
            anderson_acceleration=AndersonAccelerationConfig(history_size=5, beta=1.0, eps=1e-4),
        )
        # Else every Anderson step evaluates a cost that nobody reads, with one more blur.
        self.solver.fixed_point.iterator.cost_fn = None

    def forward(self, d: torch.Tensor) -> torch.Tensor:
        self.network.fold()
        return self.solver(d, self.physics)


def _blur(x, **kwargs):
    return blur(x)
