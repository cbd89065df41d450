"""Which options of a training need which others: what would be ignored is refused."""

# Options, what they need, whether a configuration has it.
_NEEDS = (
    ("eta", "model de-grad or de-prox", lambda c: c.model in ("de-grad", "de-prox")),
    ("precondition", "model de-grad", lambda c: c.model == "de-grad"),
    ("rho", "model de-hqs or de-admm", lambda c: c.model in ("de-hqs", "de-admm")),
    ("scales blocks level denoiser_noise_high", "network unet", lambda c: c.network == "unet"),
    ("depth channels momentum", "network dncnn", lambda c: c.network == "dncnn"),
    ("kernel_size families kernel_files boundary", "blur any", lambda c: c.blur == "any"),
    ("noise_high misjudged linear", "blur any", lambda c: c.blur == "any"),
    ("grain", "dead-leaves among data", lambda c: "dead-leaves" in c.data),
    ("jacobian_bound jacobian_power", "jacobian_weight > 0", lambda c: c.jacobian_weight > 0),
)


def unused(config) -> dict:
    """{option: what it needs} of all that `config`, or any record of its options, ignores."""
    return {
        name: needs for names, needs, has in _NEEDS for name in names.split() if not has(config)
    }
