"""What a tuning varies: options of Config, as lists of choices or as ranges."""

import dataclasses
import math
import pathlib

import yaml

from tf_jfb._validate import check, refuse
from tf_jfb.training.config import KINDS, Config, number
from tf_jfb.training.options import unused

DEFAULT = {
    "m": [2, 3, 5, 8],
    "beta": {"min": 0.5, "max": 1.0},
    "rtol": {"min": 0.0003, "max": 0.01, "sampling": "log"},
    "max_evaluations": {"min": 10, "max": 60, "sampling": "log"},
    "gradient": ["jfb", "neumann:1", "neumann:3", "phantom:5:0.5", "implicit"],
    "eta": {"min": 0.3, "max": 2.0, "sampling": "log"},
    "lipschitz": [None, 0.9, 1.0, 1.2],
    "depth": {"min": 4, "max": 17},
    "channels": [16, 32, 64],
    "learning_rate": {"min": 0.0001, "max": 0.003, "sampling": "log"},
}
# What every trial shares: the images, their degradation, and the length of a training.
SHARED = (
    *("data", "path", "size", "crop", "blur", "noise", "validation", "seed", "epochs", "steps"),
    *("audit", "pretrained", "initial", "denoiser_noise", "denoiser_noise_high"),
    *("noise_high", "kernel_size", "families", "kernel_files", "boundary", "grain"),
    *("misjudged", "linear"),
)
SIZES = frozenset({"network", "depth", "channels", "scales", "blocks"})  # of a network
SAMPLINGS = ("linear", "log")


def read_space(path) -> dict:
    """The space of a YAML file, as written; `check_space` judges it."""
    path = pathlib.Path(path)
    check(path.is_file(), "The file of the search space must exist.", path=str(path))
    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        refuse(f"The search space must be a YAML file ({type(error).__name__}).", path=str(path))


def default_space(config: Config) -> dict:
    """`DEFAULT` without what `config` would ignore, or has fixed by weights that it starts from."""
    fixed = SIZES if config.pretrained or config.initial else set()
    return {n: e for n, e in DEFAULT.items() if n not in fixed and n not in unused(config)}


def check_space(space, config: Config) -> dict:
    """The space with its defaults filled in.

    Args:
        space: {option of Config: list of choices, or {min, max, sampling, step}}; `sampling` is
            linear or log, and `step` a summand, in log sampling a factor.
        config: what the options outside the space are.

    Raises:
        ValueError: an option is unknown or shared by all trials, or a value is outside its range.
    """
    check(
        isinstance(space, dict) and len(space) > 0,
        "The search space must hold `name: choices` or `name: {min, max}` lines.",
        space=space,
    )
    known = [name for name in KINDS if name not in SHARED]
    unknown = [name for name in space if name not in known]
    check(not unknown, f"The search space may hold {', '.join(known)}.", unknown=unknown)
    ignored = {name: needs for name, needs in unused(config).items() if name in space}
    check(not ignored, "The search space may hold nothing that is ignored.", needed=ignored)
    sized = sorted(SIZES & set(space))
    check(
        not sized or (config.pretrained is None and config.initial is None),
        "`pretrained` and `initial` fix the network's size; take it out of the search space.",
        space=sized,
    )
    return {name: _checked(name, entry, config) for name, entry in space.items()}


def declare(space: dict, hyperparameters) -> None:
    """Adds a checked space to a `keras_tuner.HyperParameters`."""
    for name, entry in space.items():
        if isinstance(entry, list):
            # As text, since keras-tuner has neither None nor mixed types among the choices.
            hyperparameters.Choice(name, [str(value) for value in entry])
        else:
            add = hyperparameters.Int if KINDS[name] is int else hyperparameters.Float
            add(name, entry["min"], entry["max"], entry["step"], entry["sampling"])


def chosen(space: dict, values: dict) -> dict:
    """Options of Config from the values of a `keras_tuner.HyperParameters`."""
    return {name: _value(name, entry, values[name]) for name, entry in space.items()}


def combinations(space: dict) -> float:
    """How many different options a checked space holds, at most; infinity for a range of floats."""
    return math.prod(_count(name, entry) for name, entry in space.items())


def _count(name, entry):
    if isinstance(entry, list):
        return len(entry)
    low, high, step = entry["min"], entry["max"], entry["step"]
    if step is None:
        return high - low + 1 if KINDS[name] is int else math.inf
    steps = math.log(high / low, step) if entry["sampling"] == "log" else (high - low) / step
    return int(steps + 1e-9) + 1


def _value(name, entry, value):
    if isinstance(entry, list):
        return {str(v): v for v in entry}[value]
    # keras-tuner's logarithmic range of whole numbers can exceed its end by one.
    value = int(value) if KINDS[name] is int else float(f"{value:.4g}")
    return min(max(value, entry["min"]), entry["max"])


def _checked(name, entry, config):
    if isinstance(entry, list):
        entry = [number(name, value) for value in entry]
        check(
            len(entry) > 0 and len({str(v) for v in entry}) == len(entry),
            "The choices of an option must be different, and at least one.",
            **{name: entry},
        )
        tried = entry
    else:
        entry = _range(name, entry)
        tried = [entry["min"], entry["max"]]
    for value in tried:
        dataclasses.replace(config, **{name: value})  # Config refuses what it cannot be
    return entry


def _range(name, entry) -> dict:
    keys = {"min", "max", "sampling", "step"}
    check(
        isinstance(entry, dict) and {"min", "max"} <= set(entry) <= keys,
        "An option must have a list of choices or {min, max, sampling, step}.",
        **{name: entry},
    )
    entry = {"sampling": "linear", "step": None, **entry}
    entry |= {key: number(name, entry[key]) for key in ("min", "max", "step")}
    low, high, step = entry["min"], entry["max"], entry["step"]
    check(
        KINDS[name] in (int, float)
        and {type(n) for n in (low, high, step)} <= {KINDS[name], type(None)}
        and None not in (low, high),
        "A range needs numbers, whole ones where the option is whole.",
        **{name: entry},
    )
    logarithmic = entry["sampling"] == "log"
    check(
        low < high and entry["sampling"] in SAMPLINGS and (low > 0 or not logarithmic),
        f"A range must have min < max, sampling {' or '.join(SAMPLINGS)}, and min > 0 for log.",
        **{name: entry},
    )
    check(
        step is None or step > (1 if logarithmic else 0),
        "`step` must be positive, and above 1 for log.",
        **{name: entry},
    )
    return entry
