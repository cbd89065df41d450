"""torchdeq's part of the study of time to quality: its Anderson solver to a tolerance, and JFB."""

import numpy as np
import torch
from torch.nn import functional
from torch_map import planes
from torchdeq import get_deq
from training import train
from worker_torchdeq import Model
from worker_torchdeq import versions as versions

POWER = 100  # iterations for the bounds of the first weights, which move by one at every step


def programs(config: dict) -> dict:
    torch.set_num_threads(config["threads"])
    return {"train": lambda: lambda: _train(config)}


def _train(config: dict) -> list:
    torch.manual_seed(config["seed"])
    model = _model(config)
    optimizer = torch.optim.Adam(model.parameters(), config["learning_rate"], eps=1e-7)  # Keras'

    def step(blurred, sharp):
        model.train()
        optimizer.zero_grad()
        loss = functional.mse_loss(model(planes(blurred)), planes(sharp))
        loss.backward()
        optimizer.step()
        loss.item()

    def restore(blurred):
        with torch.inference_mode():
            return model.eval()(planes(blurred)).permute(0, 2, 3, 1).numpy()

    return train(step, restore, config)


def _model(config: dict) -> Model:
    model = Model({**config, "evaluations": config["max_evaluations"]}, training=True)
    model.deq = get_deq(
        f_solver="anderson",
        f_max_iter=config["max_evaluations"],
        f_tol=config["rtol"],
        f_stop_mode="rel",
        ift=False,
        grad=1,
    )
    with np.load(config["problem"]) as arrays, torch.no_grad():
        for i, layer in enumerate(model.network.layers):
            layer.kernel.copy_(torch.from_numpy(arrays[f"kernel_{i}"]).permute(3, 2, 0, 1))
        for _ in range(POWER):
            model.network.fold()
        T, start = model.problem(planes(arrays["val_blurred"]))
        error = (T(start) - planes(arrays["mapped"])).abs().max()
    if not error <= 1e-3:
        raise ValueError(f"T must agree between the libraries to 1e-3. Received: {error:.2g}")
    return model
