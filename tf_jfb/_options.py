"""The options of a training with their defaults and meanings, read without TensorFlow."""

import dataclasses
import typing


def _option(default, meaning: str):
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Options:
    """A training of a model, or of its denoiser; a YAML file holds the same names."""

    data: str = _option(
        "dead-leaves", 'or celeba, or folder; or several joined by "+", in equal shares'
    )
    path: str | None = _option(
        None, 'folder of images, for celeba and folder; of several, joined by ":"'
    )
    grain: float = _option(
        0.3, "of dead leaves: share of the shapes with grain, which is like noise"
    )
    size: int | None = _option(None, "side to resize images to; None keeps them (celeba: 128)")
    crop: int | None = _option(64, "side of the random training crops; None takes whole images")
    shrink: float = _option(
        1.0, "training images are shrunk by factors drawn from this to 1, where < 1"
    )
    blur: str = _option("gaussian:5:5.0", "a name or file of a kernel; or any: blurs are drawn")
    noise: float = _option(0.005, "standard deviation in [0, 1] units")
    noise_high: float | None = _option(None, 'with blur "any": drawn from `noise` to this')
    kernel_size: int = _option(25, 'with blur "any": side of the kernels')
    families: str = _option(
        "gaussian+anisotropic+motion+disk+box", 'with blur "any": what they are drawn from; or none'
    )
    kernel_files: str | None = _option(
        None, 'with blur "any": drawn from too, as one family; joined by ","'
    )
    boundary: str = _option(
        "circular", 'with blur "any": or photo, of frames around which scenes go on'
    )
    misjudged: float = _option(
        0.0, 'with blur "any": share of the images told wrong, as users tell'
    )
    linear: float = _option(0.0, 'with blur "any": share of the images in linear light')
    model: str = _option("de-grad", "the map T: or de-prox, de-hqs, de-admm")
    network: str = _option("dncnn", "or unet, which is told the noise, in any model but de-grad")
    scales: str = _option("32:64:128", "of a U-Net: channels per scale")
    blocks: int = _option(2, "of a U-Net: residual blocks per scale and direction")
    rho: float = _option(0.25, "of de-hqs and de-admm, at first, at noise 0.01")
    level: float = _option(0.02, "what a U-Net is told of the noise, at first, at noise 0.01")
    continuation: int = _option(0, "evaluations at falling levels that make the start of a solve")
    depth: int = _option(17, "of a DnCNN: convolutions")
    channels: int = _option(64, "of a DnCNN: their width")
    lipschitz: float | None = _option(None, "bound on every folded layer's operator norm")
    gain: float = _option(1.0, "constant factor on the network's output")
    momentum: float = _option(0.99, "of batch statistics; 1 keeps the pretrained ones")
    eta: float = _option(1.0, "initial step size")
    precondition: float | None = _option(
        None, "rho of (A^T A + rho I)^-1 in T; None: the paper's T"
    )
    gradient: str = _option(
        "jfb", "the estimator: or neumann:K, phantom:K:DAMPING, implicit, unrolled:K"
    )
    m: int = _option(5, "Anderson's history")
    beta: float = _option(1.0, "Anderson's mixing weight of the residuals, in (0, 1]")
    rtol: float = _option(1e-3, "tolerance of the solves, on |T(x) - x| / |T(x)|")
    max_evaluations: int = _option(50, "of T, the cap of a solve")
    unconverged_weight: float = _option(1.0, "factor on the gradient of images whose solve failed")
    pretrained: str | None = _option(None, "run folder of a denoiser")
    initial: str | None = _option(None, "run folder or exported model to go on from")
    jacobian_weight: float = _option(0.0, "of the penalty on the Jacobian of T at the fixed point")
    jacobian_bound: float = _option(1.0, "of its singular values, below which it is not penalised")
    jacobian_power: int = _option(1, "steps of the power method towards the largest singular value")
    denoiser_weight: float = _option(1.0, "factor on the pretrained network's output")
    denoiser_noise: float = _option(0.02, "noise that the denoiser is trained on")
    denoiser_noise_high: float | None = _option(
        None, "of a U-Net: drawn from `denoiser_noise` to this"
    )
    precision: str = _option("float32", "of the network: or mixed_bfloat16, mixed_float16")
    batch_size: int = _option(8, "images per step, on all devices together")
    epochs: int = _option(50, "of `steps` each")
    steps: int = _option(200, "per epoch")
    optimizer: str = _option("adam", "or lamb, and with tensorflow-addons lookahead, swa")
    loss: str = _option("mse", "or mae")
    learning_rate: float = _option(1e-3, "the highest, Adam's")
    schedule: str = _option(
        "cosine", "decay to 1 % of it; or constant, and `epochs` may be raised later"
    )
    warmup: int = _option(0, "steps of a linear rise to it: Adam's first steps are its rashest")
    ema: float = _option(
        0.0, "momentum of the weights' moving average, validated and kept; 0: none"
    )
    validation: int = _option(16, "images of the validation set that are used")
    audit: int = _option(0, "validation crops on which the gradient is audited after every epoch")
    seed: int = _option(0, "of weights, crops, blurs and noise")


_HINTS = typing.get_type_hints(Options)
# {option: its type, but for None}, and those that may be None.
KINDS = {n: (typing.get_args(t) or (t,))[0] for n, t in _HINTS.items()}
OPTIONAL = frozenset(n for n, t in _HINTS.items() if type(None) in typing.get_args(t))
