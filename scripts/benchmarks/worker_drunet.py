"""DRUNet of deepinv with random weights: what one evaluation of DPIR's denoiser costs."""

import deepinv
import torch
from worker_deepinv import versions as versions


def programs(config: dict) -> dict:
    torch.set_num_threads(config["threads"])
    return {"denoise": lambda: _denoise(config["size"])}


def _denoise(size: int):
    torch.manual_seed(0)
    network = deepinv.models.DRUNet(3, 3, pretrained=None).eval()
    image = torch.rand(1, 3, size, size)

    def run() -> float:
        with torch.inference_mode():
            return float(network(image, 0.05).mean())

    return run
