"""What the two PyTorch workers share: the inference solve and the training step of a model."""

import torch
from torch.nn import functional
from torch_map import blur


def programs(config: dict, model_class) -> dict:
    """Programs of `model_class(config, evaluations, training)`, a module with a `network`.

    Each returns the evaluations of T that it counted.
    """
    torch.set_num_threads(config["threads"])
    torch.manual_seed(0)
    sharp = torch.rand(config["batch"], 3, config["size"], config["size"])
    with torch.no_grad():
        blurred = blur(sharp)

    def inference():
        model = model_class(config, training=False).eval()
        return lambda: _restore(model, blurred)

    def training():
        model = model_class(config, training=True).train()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        return lambda: _train(model, optimizer, blurred, sharp)

    return {"inference": inference, "training": training}


def _restore(model, blurred) -> int:
    model.network.evaluations = 0
    with torch.inference_mode():
        model(blurred)
    return model.network.evaluations


def _train(model, optimizer, blurred, sharp) -> int:
    model.network.evaluations = 0
    optimizer.zero_grad()
    loss = functional.mse_loss(model(blurred), sharp)
    loss.backward()
    optimizer.step()
    loss.item()
    return model.network.evaluations
