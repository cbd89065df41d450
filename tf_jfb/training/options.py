"""Of the options of a training the types, and which need which others."""

import os

from tf_jfb._options import KINDS, OPTIONAL
from tf_jfb._validate import check, is_integer

# What a list stands for, as a YAML file may hold one: text joined by these.
JOINED = {"data": "+", "families": "+", "kernel_files": ",", "path": os.pathsep, "scales": ":"}

# Options, what they need, whether a configuration has it.
_NEEDS = (
    ("eta", "model de-grad or de-prox", lambda c: c.model in ("de-grad", "de-prox")),
    ("precondition", "model de-grad", lambda c: c.model == "de-grad"),
    ("rho", "model de-hqs or de-admm", lambda c: c.model in ("de-hqs", "de-admm")),
    (
        "continuation",
        "model de-hqs or de-admm, network unet, and no unrolled gradient",
        lambda c: (
            c.model in ("de-hqs", "de-admm")
            and c.network == "unet"
            and not c.gradient.startswith("unrolled")
        ),
    ),
    ("scales blocks level denoiser_noise_high", "network unet", lambda c: c.network == "unet"),
    ("depth channels momentum", "network dncnn", lambda c: c.network == "dncnn"),
    ("kernel_size families kernel_files boundary", "blur any", lambda c: c.blur == "any"),
    ("noise_high misjudged linear", "blur any", lambda c: c.blur == "any"),
    ("grain", "dead-leaves among data", lambda c: "dead-leaves" in c.data),
    ("path", "folder or celeba among data", lambda c: set(c.data.split("+")) != {"dead-leaves"}),
    ("shrink", "a crop", lambda c: c.crop is not None),
    (
        "unconverged_weight",
        "a gradient at a fixed point",
        lambda c: not c.gradient.startswith("unrolled"),
    ),
    ("pretrained", "`initial` left out", lambda c: c.initial is None),
    ("jacobian_bound jacobian_power", "jacobian_weight > 0", lambda c: c.jacobian_weight > 0),
)


def unused(config) -> dict:
    """{option: what it needs} of all that `config`, or any record of its options, ignores."""
    return {
        name: needs for names, needs, has in _NEEDS for name in names.split() if not has(config)
    }


def typed(name: str, value):
    """`value` of an option, a list of what text can join being joined.

    Raises ValueError unless text is text, a number a finite number, and None where it may be.
    """
    if name in JOINED and isinstance(value, (list, tuple)):
        return JOINED[name].join(str(entry) for entry in value)
    if value is None and name in OPTIONAL:
        return value
    null = ", or null" if name in OPTIONAL else ""
    if KINDS[name] is str:
        hint = ""
        if name == "scales" and is_integer(value):
            hint = (
                " Without quotes YAML reads 32:64:128 as one number in base 60: write "
                "'32:64:128' or [32, 64, 128]."
            )
        check(isinstance(value, str), f"`{name}` must be text{null}.{hint}", **{name: value})
    else:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        check(
            number and abs(value) < float("inf"),
            f"`{name}` must be a finite number{null}.",
            **{name: value},
        )
    return value
