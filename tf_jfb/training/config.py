"""Everything that determines a training, in one validated record."""

import dataclasses
import os
import pathlib
import re
import types
import typing

import yaml

from tf_jfb import gradients
from tf_jfb._files import write_text
from tf_jfb._validate import check
from tf_jfb.data.dead_leaves import MOST_GRAIN
from tf_jfb.data.random_blurs import FAMILIES
from tf_jfb.operators import Blur, Operator, kernels
from tf_jfb.regularizers import Jacobian
from tf_jfb.training.optimizers import NAMES as OPTIMIZERS
from tf_jfb.training.options import unused

DATA = ("dead-leaves", "celeba", "folder")
MODELS = ("de-grad", "de-prox", "de-hqs", "de-admm")
NETWORKS = ("dncnn", "unet")
ANY = "any"  # a blur of every image's own
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
LOSSES = ("mse", "mae")
SCHEDULES = ("cosine", "constant")
_NAMES = {
    "precision": PRECISIONS,
    "model": MODELS,
    "network": NETWORKS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "schedule": SCHEDULES,
}

_REAL = int | float
_COUNTS = "depth channels blocks m max_evaluations batch_size epochs steps validation kernel_size"
_POSITIVE = "eta rho level gain learning_rate denoiser_weight denoiser_noise"
_NOT_NEGATIVE = "noise rtol warmup audit jacobian_weight jacobian_bound jacobian_power"
_OPTIONAL = "noise_high denoiser_noise_high precondition lipschitz"
_NUMBERS = (  # options, their type, what they must do, whether one does
    (_COUNTS, int, "be an integer >= 1", lambda x: x >= 1),
    (_POSITIVE, _REAL, "be positive", lambda x: x > 0),
    (_NOT_NEGATIVE, _REAL, "be >= 0", lambda x: x >= 0),
    ("size crop", int | None, "be an integer >= 1, or null", lambda x: x is None or x >= 1),
    (_OPTIONAL, _REAL | None, "be positive, or null", lambda x: x is None or x > 0),
    ("seed", int, "be an integer >= 0", lambda x: x >= 0),
    ("momentum unconverged_weight", _REAL, "lie in [0, 1]", lambda x: 0 <= x <= 1),
    ("grain", _REAL, f"lie in [0, {MOST_GRAIN}]", lambda x: 0 <= x <= MOST_GRAIN),
    ("beta shrink", _REAL, "lie in (0, 1]", lambda x: 0 < x <= 1),
    ("ema", _REAL, "lie in [0, 1)", lambda x: 0 <= x < 1),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """A training of a model, or of its denoiser; a YAML file holds the same names.

    Raises:
        ValueError: an option is outside its range.
    """

    data: str = "dead-leaves"  # or celeba, or folder; or several joined by "+", in equal shares
    path: str | None = None  # folder of images, for celeba and folder; of several, joined by ":"
    grain: float = 0.3  # of dead leaves: share of the shapes with grain, which is like noise
    size: int | None = None  # side to resize images to; None keeps them (celeba: 128)
    crop: int | None = 64  # side of the random training crops; None takes whole images
    shrink: float = 1.0  # training images are shrunk by factors drawn from this to 1, where < 1
    blur: str = "gaussian:5:5.0"  # a name or file of a kernel; or any: blurs are drawn
    noise: float = 0.005  # standard deviation in [0, 1] units
    noise_high: float | None = None  # with blur "any": drawn from `noise` to this
    kernel_size: int = 25  # with blur "any": side of the kernels
    families: str = "+".join(FAMILIES)  # with blur "any": what they are drawn from; or none
    kernel_files: str | None = None  # with blur "any": drawn from too, as one family; joined by ","
    photo: bool = False  # with blur "any": the images are frames of scenes; else they wrap around
    model: str = "de-grad"  # the map T: or de-prox, de-hqs, de-admm
    network: str = "dncnn"  # or unet, which is told the noise, in any model but de-grad
    scales: str = "32:64:128"  # of a U-Net: channels per scale
    blocks: int = 2  # of a U-Net: residual blocks per scale and direction
    rho: float = 0.25  # of de-hqs and de-admm, at first, at noise 0.01
    level: float = 0.02  # what a U-Net is told of the noise, at first, at noise 0.01
    depth: int = 17  # of a DnCNN: convolutions
    channels: int = 64  # of a DnCNN: their width
    lipschitz: float | None = None  # bound on every folded layer's operator norm
    gain: float = 1.0  # constant factor on the network's output
    momentum: float = 0.99  # of batch statistics; 1 keeps the pretrained ones
    eta: float = 1.0  # initial step size
    precondition: float | None = None  # rho of (A^T A + rho I)^-1 in T; None: the paper's T
    gradient: str = "jfb"  # the estimator: or neumann:K, phantom:K:DAMPING, implicit, unrolled:K
    m: int = 5  # Anderson's history
    beta: float = 1.0  # Anderson's mixing weight of the residuals, in (0, 1]
    rtol: float = 1e-3  # tolerance of the solves, on |T(x) - x| / |T(x)|
    max_evaluations: int = 50  # of T, the cap of a solve
    unconverged_weight: float = 1.0  # factor on the gradient of images whose solve failed
    pretrained: str | None = None  # run folder of a denoiser
    initial: str | None = None  # run folder or exported model to go on from
    jacobian_weight: float = 0.0  # of the penalty on the Jacobian of T at the fixed point
    jacobian_bound: float = 1.0  # of its singular values, below which it is not penalised
    jacobian_power: int = 1  # steps of the power method towards the largest singular value
    denoiser_weight: float = 1.0  # factor on the pretrained network's output
    denoiser_noise: float = 0.02  # noise that the denoiser is trained on
    denoiser_noise_high: float | None = None  # of a U-Net: drawn from `denoiser_noise` to this
    precision: str = "float32"  # of the network: or mixed_bfloat16, mixed_float16
    batch_size: int = 8  # images per step, on all devices together
    epochs: int = 50  # of `steps` each
    steps: int = 200  # per epoch
    optimizer: str = "adam"  # or lamb, and with tensorflow-addons lookahead, swa
    loss: str = "mse"  # or mae
    learning_rate: float = 1e-3  # the highest, Adam's
    schedule: str = "cosine"  # decay to 1 % of it; or constant, and `epochs` may be raised later
    warmup: int = 0  # steps of a linear rise to it: Adam's first steps are its rashest
    ema: float = 0.0  # momentum of the weights' moving average, validated and kept; 0: none
    validation: int = 16  # images of the validation set that are used
    audit: int = 0  # validation crops on which the gradient is audited after every epoch
    seed: int = 0  # of weights, crops, blurs and noise

    def __post_init__(self):
        for names, kind, rule, holds in _NUMBERS:
            for name in names.split():
                value = getattr(self, name)
                valid = isinstance(value, kind) and holds(value)
                check(valid, f"`{name}` must {rule}.", **{name: value})
        self._check_images()
        self._check_names()
        gradients.named(self.gradient)
        for name, needs in unused(self).items():
            value = getattr(self, name)
            left_out = value == DEFAULTS[name]
            check(left_out, f"`{name}` needs {needs}, and would be ignored.", **{name: value})

    def _check_images(self):
        kinds = self.data.split("+")
        check(
            set(kinds) <= set(DATA),
            f"`data` must be one or several, joined by +, of {', '.join(DATA)}.",
            data=self.data,
        )
        check(
            kinds in (["dead-leaves"], ["celeba"])
            or len(self.folders) == sum(kind != "dead-leaves" for kind in kinds),
            f"`path` must name a folder for each of `data` but dead leaves, joined by {os.pathsep}",
            data=self.data,
            path=self.path,
        )
        check(
            self.photo is False or self.photo is True and self.any_blur,
            '`photo` must be true or false, and false but with blur "any".',
            photo=self.photo,
            blur=self.blur,
        )
        unknown = sorted(set(self.blur_families) - set(FAMILIES))
        check(
            not unknown and bool(self.blur_families or self.kernel_files),
            f"`families` must be one or several, joined by +, of {', '.join(FAMILIES)}; or none, "
            "with `kernel_files`.",
            families=self.families,
            kernel_files=self.kernel_files,
        )

    def _check_names(self):
        for name, known in _NAMES.items():
            value = getattr(self, name)
            check(value in known, f"`{name}` must be one of {', '.join(known)}.", **{name: value})
        check(
            self.network == "dncnn" or self.model != "de-grad" and self.noise > 0,
            "A unet is told the noise, > 0: it needs another model than de-grad.",
            network=self.network,
            model=self.model,
            noise=self.noise,
        )
        check(
            bool(re.fullmatch(r"\d+(:\d+)*", self.scales)),
            "`scales` must be channels per scale, as 32:64:128.",
            scales=self.scales,
        )

    @property
    def regularizers(self) -> tuple:
        if not self.jacobian_weight:
            return ()
        return (Jacobian(self.jacobian_weight, self.jacobian_bound, self.jacobian_power),)

    @property
    def folders(self) -> list:
        """Those of `path`."""
        if self.path is None:
            return []
        return self.path.split(os.pathsep) if "+" in self.data else [self.path]

    @property
    def sources(self) -> list:
        """(kind, folder or None) of what the images are taken from, in equal shares."""
        folders = iter(self.folders)
        kinds = self.data.split("+")
        return [(kind, None if kind == "dead-leaves" else next(folders, None)) for kind in kinds]

    @property
    def any_blur(self) -> bool:
        """Whether blur and noise level come with the images."""
        return self.blur == ANY

    @property
    def blur_families(self) -> tuple:
        """Those of `families`."""
        return () if self.families == "none" else tuple(self.families.split("+"))

    @property
    def blur_files(self) -> list:
        """Those of `kernel_files`."""
        return self.kernel_files.split(",") if self.kernel_files else []

    @property
    def widths(self) -> tuple:
        """Channels per scale of a U-Net."""
        return tuple(int(width) for width in self.scales.split(":"))

    @property
    def operator(self) -> Operator | None:
        return None if self.any_blur else Blur(kernels.parse(self.blur))


DEFAULTS = {f.name: f.default for f in dataclasses.fields(Config)}
# {option: its type, but for None}
KINDS = {f.name: (typing.get_args(f.type) or (f.type,))[0] for f in dataclasses.fields(Config)}


def recorded_config(path) -> Config:
    """The configuration that a run folder holds; what an earlier version let it ignore is left."""
    options = load_config(path)
    ignored = unused(types.SimpleNamespace(**{**DEFAULTS, **options}))
    return Config(**{name: value for name, value in options.items() if name not in ignored})


def load_config(path) -> dict:
    """The options of a YAML file. Raises ValueError on an unknown name or a malformed file."""
    path = pathlib.Path(path)
    check(path.is_file(), "The configuration file must exist.", path=str(path))
    try:
        options = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        check(
            False, f"The configuration file must be YAML ({type(error).__name__}).", path=str(path)
        )
    check(
        isinstance(options, dict),
        "The configuration file must hold `name: value` lines.",
        path=str(path),
    )
    unknown = sorted(set(options) - set(KINDS))
    check(not unknown, f"Unknown option; known are {', '.join(sorted(KINDS))}.", unknown=unknown)
    return {name: number(name, value) for name, value in options.items()}


def number(name: str, value):
    """`value` as a float where the option is one; YAML takes 1e-3, without a point, for text."""
    if isinstance(value, (str, int)) and not isinstance(value, bool) and KINDS[name] is float:
        try:
            return float(value)
        except ValueError:
            return value
    return value


def save_config(path, config: Config) -> None:
    """Writes `config` as YAML, whole or not at all."""
    write_text(path, yaml.safe_dump(dataclasses.asdict(config), sort_keys=False))
