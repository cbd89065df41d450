"""Restoration of a batch by an equilibrium model: its options, and the checks of what is given."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._validate import LEAST, MOST, check, check_boundary
from tf_jfb.models._measurement import check_kernels, check_noise
from tf_jfb.operators.base import image_batch
from tf_jfb.operators.kernels import check_fits


class Options(NamedTuple):
    """How a batch is to be restored; None stands for the model's own."""

    rtol: object = None  # relative tolerance, a number or tensor, one for all or [B]
    max_evaluations: object = None  # cap on the evaluations of T, likewise
    trace: bool = False  # whether to return the residual of every evaluation
    compact: bool = False  # whether images that stop leave the batch; not under XLA
    start: tf.Tensor | None = None  # images [B, H, W, C] to start from
    folded: object = None  # what the network's `folded` returned, to save computing it
    boundary: str | None = None  # of `BOUNDARIES`, where the blur comes with the images
    mask: tf.Tensor | None = None  # [B, H, W, 1], with "photo": 0 at pixels not to be trusted


def checked_options(model, images: tf.Tensor, options: Options) -> Options:
    """`options` as the model's program takes them. Raises ValueError where one is unusable."""
    start = options.start
    if start is not None:
        start = check_images("start", start)
        shape = images if model.operator is None else model.operator.adjoint(images)
        check(
            start.shape == shape.shape,
            "`start` must have the shape of the restored images.",
            start=tuple(start.shape),
            restored=tuple(shape.shape),
        )
    check(
        model.takes_kernel or options.boundary is None,
        "`boundary` must be left out: the model's operator has one of its own.",
        boundary=options.boundary,
    )
    boundary = options.boundary or model.boundary
    check_boundary(boundary or "circular")
    rtol, cap = _stopping(model, options)
    return options._replace(
        rtol=rtol,
        max_evaluations=cap,
        trace=bool(options.trace),
        compact=len(images) > 1,
        start=start,
        boundary=boundary,
    )


def _stopping(model, options) -> tuple:
    """Tolerance and cap of a solve; None for an iterate that is not solved for."""
    rtol, cap, solver = options.rtol, options.max_evaluations, model.solver
    if rtol is None and cap is None and not model.gradient.at_fixed_point:
        return None, None
    rtol = solver.rtol if rtol is None else rtol
    cap = solver.max_evaluations if cap is None else cap
    type(solver)(**{**solver.get_config(), "rtol": rtol, "max_evaluations": cap})
    return tf.constant(rtol, tf.float32), int(cap) if options.trace else tf.constant(cap)


def checked_inputs(model, images: tf.Tensor, kernel, noise):
    """`images` and what else the model takes, for every image. Raises ValueError if unusable."""
    given = {"kernel": kernel, "noise": noise}
    for name, value in given.items():
        takes = getattr(model, f"takes_{name}")
        check(
            takes == (value is not None),
            f"`{name}` must {'be given' if takes else 'be left out'} for this model.",
            **{name: None if value is None else np.shape(value)},
        )
    inputs, batch = {"image": images}, len(images)
    if kernel is not None:
        inputs["kernel"] = check_kernels(kernel, batch)
        check_fits(inputs["kernel"].shape[1:], images)
    if noise is not None:
        inputs["noise"] = check_noise(noise, batch)
    return inputs if len(inputs) > 1 else images


def check_images(name: str, images) -> tf.Tensor:
    """`images` as a tensor [B, H, W, C]; raises ValueError unless finite and in [0, 1]."""
    images = image_batch(name, images)
    values = np.asarray(images)
    check(values.size > 0, f"`{name}` must not be empty.", shape=values.shape)
    check(
        bool(np.isfinite(values).all()),
        f"`{name}` must be finite.",
        non_finite_pixels=int((~np.isfinite(values)).sum()),
    )
    check(
        values.min() > LEAST and values.max() < MOST,
        f"`{name}` must hold values in [0, 1] (plus noise).",
        min=float(values.min()),
        max=float(values.max()),
    )
    return images
