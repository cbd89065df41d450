"""The network and the blur of T in PyTorch, for the peers: shapes and work as in tf_jfb.

Normalisations are folded into the kernels once per solve, the operator norm of each folded kernel
is bounded, and the batch statistics move in the one recorded evaluation of a training step. The
bound takes one power iteration per training step and none at inference, as PyTorch's own spectral
normalisation does.
"""

import math

import torch
from torch import nn
from torch.nn import functional

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def planes(images) -> torch.Tensor:
    """[B, H, W, C] of NumPy or PyTorch as [B, C, H, W]."""
    return torch.as_tensor(images).permute(0, 3, 1, 2).contiguous()


def blur(x: torch.Tensor) -> torch.Tensor:
    """5x5 Gaussian blur of standard deviation 5 with zero padding, its own adjoint."""
    taps = torch.exp(-0.5 * (torch.arange(-2.0, 3.0, device=x.device) / 5.0) ** 2)
    taps = (taps / taps.sum()).to(x.dtype).view(1, 1, 5, 1).repeat(x.shape[1], 1, 1, 1)
    x = functional.conv2d(x, taps, padding=(2, 0), groups=len(taps))  # a channel at a time
    return functional.conv2d(x, taps.mT, padding=(0, 2), groups=len(taps))


class Network(nn.Module):
    """DnCNN that counts its evaluations; call `fold` before each solve."""

    def __init__(self, config: dict):
        super().__init__()
        depth, inner = config["depth"], [config["channels"]] * (config["depth"] - 1)
        self.layers = nn.ModuleList(
            Layer(c_in, c_out, 0 < i < depth - 1, config)
            for i, (c_in, c_out) in enumerate(zip([3, *inner], [*inner, 3], strict=True))
        )
        self.gain, self.evaluations, self.folds = config["gain"], 0, None

    def fold(self) -> None:
        self.folds = [layer.fold() for layer in self.layers]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.evaluations += 1
        last = len(self.folds) - 1
        for i, (layer, folded) in enumerate(zip(self.layers, self.folds, strict=True)):
            x = layer(x, folded)
            x = self.gain * x if i == last else functional.relu_(x)
        return x


class Layer(nn.Module):
    """Convolution 3x3 with batch normalisation folded into it and its operator norm bounded."""

    def __init__(self, c_in: int, c_out: int, batch_norm: bool, config: dict):
        super().__init__()
        self.batch_norm, self.lipschitz = batch_norm, config["lipschitz"]
        self.layout = LAYOUTS[config["layout"]]
        self.kernel = nn.Parameter(torch.randn(c_out, c_in, 3, 3) * math.sqrt(2 / (9 * c_in)))
        if batch_norm:
            self.gamma, self.beta = (nn.Parameter(f(c_out)) for f in (torch.ones, torch.zeros))
            self.register_buffer("mean", torch.zeros(c_out))
            self.register_buffer("variance", torch.ones(c_out))
        if self.lipschitz is not None:
            self.bound = NormBound(c_in, 3)

    def fold(self) -> tuple:
        """Kernel, bias and their ratio to the raw kernel, fixed for one solve."""
        scale = torch.ones(len(self.kernel))
        if self.batch_norm:
            scale = self.gamma * torch.rsqrt(self.variance + 1e-5)
        if self.lipschitz is not None:
            norm = self.bound(self.kernel * scale[:, None, None, None])
            scale = scale / torch.clamp(norm / self.lipschitz, min=1.0)
        kernel = (self.kernel * scale[:, None, None, None]).contiguous(memory_format=self.layout)
        return kernel, self.beta - self.mean * scale if self.batch_norm else None, scale

    def forward(self, x: torch.Tensor, folded: tuple) -> torch.Tensor:
        kernel, bias, _ = folded
        y = functional.conv2d(x, kernel, bias, padding=1)
        if self.batch_norm and self.training and torch.is_grad_enabled():
            self._observe(y.detach(), bias, folded[2])
        return y

    @torch.no_grad()
    def _observe(self, y, bias, scale) -> None:
        variance, mean = torch.var_mean(y, dim=(0, 2, 3), correction=0)
        # Not in place: the backward pass still needs the values that were folded.
        self.mean = torch.lerp(self.mean, (mean - bias) / scale, 0.01)
        self.variance = torch.lerp(self.variance, variance / scale**2, 0.01)


class NormBound(nn.Module):
    """Bound on a convolution's operator norm: power iteration on its sampled transfer matrices."""

    def __init__(self, c_in: int, size: int):
        super().__init__()
        n = 32 * (size // 2)
        rows, columns = torch.arange(n), torch.arange(n // 2 + 1)  # the other half is conjugate
        taps = torch.arange(size) - size // 2
        phase = rows[:, None, None, None] * taps[:, None] + columns[:, None, None] * taps
        phase = (2 * math.pi / n) * phase.reshape(-1, size * size)
        self.register_buffer("cosine", phase.cos())
        self.register_buffer("sine", phase.sin())
        start = torch.randn(len(phase), c_in, 1, dtype=torch.complex64)
        self.register_buffer("vectors", functional.normalize(start, dim=1))
        self.sampling = math.cos(math.pi * (size // 2) / n) ** -2

    def forward(self, kernel: torch.Tensor) -> torch.Tensor:
        c_out, c_in = kernel.shape[:2]
        flat = kernel.permute(2, 3, 0, 1).reshape(-1, c_out * c_in)
        transfer = torch.complex(self.cosine @ flat, self.sine @ flat).view(-1, c_out, c_in)
        with torch.no_grad():
            left = functional.normalize(transfer @ self.vectors, dim=1)
            if self.training:
                self.vectors = functional.normalize(transfer.mH @ left, dim=1)
                left = functional.normalize(transfer @ self.vectors, dim=1)
        sigma = (left.conj() * (transfer @ self.vectors)).sum((1, 2)).real
        return self.sampling * sigma.max()
