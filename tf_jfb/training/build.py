"""From a configuration to a model."""

import dataclasses
import os
import pathlib

import keras
import yaml

from tf_jfb import gradients, models, networks
from tf_jfb._validate import check
from tf_jfb._weights import load_weights, named_weights, names_at
from tf_jfb.exported import BLUR_OF_EXPORT, CONFIG_OF_EXPORT
from tf_jfb.operators import kernels
from tf_jfb.solvers import Anderson, Picard, Solver
from tf_jfb.training.config import Config, recorded_config, without_unused
from tf_jfb.training.denoiser import Denoiser
from tf_jfb.training.kernel_file import as_bytes, with_kept_kernel

SHAPE = (None, None, None, 3)


def build_model(config: Config) -> models.Equilibrium:
    """The model of `config`, built, its network from the pretrained denoiser if one is named."""
    keras.utils.set_random_seed(config.seed)
    gradient = gradients.named(config.gradient)
    shared = {
        "operator": config.operator,
        "network": _network(config),
        "solver": _solver(config, gradient),
        "gradient": gradient,
        "regularizers": config.regularizers,
        "boundary": config.boundary if config.any_blur else None,
        "unconverged_weight": config.unconverged_weight,
    }
    model = _MODELS[config.model](config, shared)
    model.build(SHAPE)
    if config.pretrained is not None:
        _load_denoiser(config, model.network)
    if config.initial is not None:
        _load_whole(
            config.initial, model, "`initial` must be a model: name a denoiser `pretrained`."
        )
    return model


def build_denoiser(config: Config) -> Denoiser:
    """The network of `config` as a denoiser, from that of `config.initial`.

    This may be a denoiser, or a model, whose network is divided by `config.denoiser_weight`.
    """
    keras.utils.set_random_seed(config.seed)
    model = build_model(dataclasses.replace(config, pretrained=None, initial=None))
    denoiser = _denoiser_of(model.network)
    if config.initial is not None:
        _load_initial(config, model, denoiser)
    return denoiser


def load_run(run, precision: str = "float32", **changes) -> models.Equilibrium:
    """The best model of a run folder, or the model that a folder of `scripts/export.py` holds.

    `changes` are options of its `Config` that leave its weights as they are.
    """
    model = _built(build_model, run, precision=precision, **changes)
    _load_whole(run, model, "The run must be of a model: this one is a denoiser's (--denoiser).")
    return model


def load_denoiser(run) -> Denoiser:
    """The best denoiser of a run folder or an export; of a model, the network by its weight."""
    return _built(build_denoiser, run, initial=str(run))


def config_of(run) -> Config:
    """That of a run folder, or of a model that `scripts/export.py` wrote.

    A `blur` that was a file is the one that was kept there.
    """
    file = _file_of(run)
    return with_kept_kernel(recorded_config(file), file.parent)


def _file_of(run) -> pathlib.Path:
    run = pathlib.Path(run)
    exported = run / CONFIG_OF_EXPORT
    file = exported if exported.is_file() else run / "config.yaml"
    for needed in (file,) if file == exported else (file, run / "best.npz"):
        check(
            needed.is_file(),
            f"The run folder must hold {needed.name}: train first.",
            run=str(run),
        )
    return file


def config_for_export(run, **changes) -> str:
    """That of a run folder with `changes`, as YAML, its folders and files by name alone."""
    config = recorded_config(_file_of(run))
    places = {
        "path": (os.pathsep, config.folders),
        "kernel_files": (",", config.blur_files),
        "pretrained": ("", [config.pretrained or ""]),
        "initial": ("", [config.initial or ""]),
    }
    named = {
        name: joint.join(pathlib.Path(path).name for path in paths) or None
        for name, (joint, paths) in places.items()
    }
    config = without_unused({**dataclasses.asdict(config), **named, **changes})
    if config.kernel_file:
        config = dataclasses.replace(config, blur=os.path.basename(config.blur))
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)


def files_for_export(run, **changes) -> dict:
    """{path: content} to lie beside a model: its configuration, and a kernel that is a file's."""
    files: dict = {CONFIG_OF_EXPORT: config_for_export(run, **changes)}
    config = without_unused({**dataclasses.asdict(config_of(run)), **changes})
    if config.kernel_file:
        files[BLUR_OF_EXPORT] = as_bytes(kernels.parse(config.blur))
    return files


def _built(build, run, **changes):
    """What `build` makes of the configuration of `run`, to be given its weights."""
    changes = {"precision": "float32", "pretrained": None, "initial": None} | changes
    return build(dataclasses.replace(config_of(run), **changes))


def _de_grad(config, shared):
    return models.DEGrad(**shared, eta=config.eta, precondition=config.precondition)


def _de_prox(config, shared):
    return models.DEProx(**shared, eta=config.eta, level=config.level)


def _de_hqs(config, shared, kind=models.DEHQS):
    laws = {"rho": config.rho, "level": config.level}
    return kind(**shared, **laws, continuation=config.continuation)


def _de_admm(config, shared):
    return _de_hqs(config, shared, models.DEADMM)


_MODELS = {"de-grad": _de_grad, "de-prox": _de_prox, "de-hqs": _de_hqs, "de-admm": _de_admm}


def _solver(config, gradient) -> Solver:
    """Of an unrolled model the iteration that it was trained as: its steps, then a residual."""
    if isinstance(gradient, gradients.Unrolled):
        return Picard(rtol=0.0, max_evaluations=gradient.steps + 1)
    return Anderson(
        m=config.m, beta=config.beta, rtol=config.rtol, max_evaluations=config.max_evaluations
    )


def _network(config):
    options = {"lipschitz": config.lipschitz, "gain": config.gain, "dtype": config.precision}
    if config.network == "unet":
        return networks.UNet(config.widths, config.blocks, **options)
    return networks.DnCNN(config.depth, config.channels, momentum=config.momentum, **options)


def _load_initial(config, model, denoiser) -> None:
    """`config.initial` into `denoiser`, the network of `model`."""
    if _is_of(config.initial, denoiser):
        load_weights(config.initial, denoiser)
        return
    load_weights(config.initial, model)
    model.network.scale(1.0 / config.denoiser_weight)


def _load_whole(path, model, constraint) -> None:
    """`load_weights`; those of a denoiser are refused as such."""
    try:
        load_weights(path, model)
    except ValueError:
        check(not _is_of(path, _denoiser_of(model.network)), constraint, path=str(path))
        raise


def _denoiser_of(network) -> Denoiser:
    denoiser = Denoiser(network)
    denoiser.build(SHAPE)
    return denoiser


def _is_of(path, denoiser) -> bool:
    """Whether the weights at `path`, by name or place, are those of one like `denoiser`."""
    saved, own = names_at(path), named_weights(denoiser)
    return saved in (set(own), {f"v{place}" for place in range(len(own))})


def _load_denoiser(config, network) -> None:
    load_weights(config.pretrained, _denoiser_of(network))
    network.scale(config.denoiser_weight)
