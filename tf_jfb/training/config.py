"""Everything that determines a training, in one validated record."""

import dataclasses
import os
import pathlib
import re
import types

import yaml

from tf_jfb import gradients
from tf_jfb._files import write_text
from tf_jfb._options import KINDS, Options
from tf_jfb._validate import BOUNDARIES, check, refuse
from tf_jfb.data.dead_leaves import MOST_GRAIN
from tf_jfb.data.random_blurs import FAMILIES
from tf_jfb.operators import Blur, Operator, kernels
from tf_jfb.regularizers import Jacobian
from tf_jfb.training.optimizers import NAMES as OPTIMIZERS
from tf_jfb.training.options import typed, unused

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
    "boundary": BOUNDARIES,
}

_REAL = int | float
_COUNTS = "depth channels blocks m max_evaluations batch_size epochs steps validation kernel_size"
_POSITIVE = "eta rho level gain learning_rate denoiser_weight denoiser_noise"
_NOT_NEGATIVE = "noise rtol jacobian_weight jacobian_bound"
_OPTIONAL = "noise_high denoiser_noise_high precondition lipschitz"
_NUMBERS = (  # options, their type, what they must do, whether one does
    (_COUNTS, int, "be an integer >= 1", lambda x: x >= 1),
    (_POSITIVE, _REAL, "be positive", lambda x: x > 0),
    (_NOT_NEGATIVE, _REAL, "be >= 0", lambda x: x >= 0),
    ("size crop", int | None, "be an integer >= 1, or null", lambda x: x is None or x >= 1),
    (_OPTIONAL, _REAL | None, "be positive, or null", lambda x: x is None or x > 0),
    ("seed continuation warmup audit jacobian_power", int, "be an integer >= 0", lambda x: x >= 0),
    ("momentum unconverged_weight misjudged linear", _REAL, "lie in [0, 1]", lambda x: 0 <= x <= 1),
    ("grain", _REAL, f"lie in [0, {MOST_GRAIN}]", lambda x: 0 <= x <= MOST_GRAIN),
    ("beta shrink", _REAL, "lie in (0, 1]", lambda x: 0 < x <= 1),
    ("ema", _REAL, "lie in [0, 1)", lambda x: 0 <= x < 1),
)


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """A training of a model, or of its denoiser; a YAML file holds the same names.

    Options of several parts may also be lists, which are joined: `data`, `path`, `families`,
    `kernel_files`, `scales`.

    Raises:
        ValueError: an option is of another type or outside its range.
    """

    def __post_init__(self):
        for name in KINDS:
            object.__setattr__(self, name, typed(name, getattr(self, name)))
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
            bool(re.fullmatch(r"[1-9]\d*(:[1-9]\d*)*", self.scales)),
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
    def kernel_file(self) -> bool:
        """Whether `blur` names a file."""
        return not self.any_blur and self.blur.partition(":")[0] not in kernels.FORMS

    @property
    def operator(self) -> Operator | None:
        return None if self.any_blur else Blur(kernels.parse(self.blur))


DEFAULTS = {f.name: f.default for f in dataclasses.fields(Config)}


def recorded_config(path) -> Config:
    """The configuration that a run folder holds; what an earlier version let it ignore is left."""
    return without_unused(load_config(path))


def without_unused(options: dict) -> Config:
    """That of `options`, those which it would ignore being left at their defaults."""
    ignored = unused(types.SimpleNamespace(**{**DEFAULTS, **options}))
    return Config(**{name: value for name, value in options.items() if name not in ignored})


def load_config(path) -> dict:
    """The options of a YAML file. Raises ValueError on an unknown name or a malformed file."""
    path = pathlib.Path(path)
    check(path.is_file(), "The configuration file must exist.", path=str(path))
    try:
        options = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        refuse(f"The configuration file must be YAML ({type(error).__name__}).", path=str(path))
    check(
        isinstance(options, dict),
        "The configuration file must hold `name: value` lines.",
        path=str(path),
    )
    if "photo" in options:  # as version 0.1 named it
        options["boundary"] = "photo" if options.pop("photo") else "circular"
    unknown = sorted(map(str, set(options) - set(KINDS)))
    check(not unknown, f"Unknown option; known are {', '.join(sorted(KINDS))}.", unknown=unknown)
    return {name: typed(name, number(name, value)) for name, value in options.items()}


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
