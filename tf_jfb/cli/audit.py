"""Audit a trained model: how far T contracts, and which gradient estimator its training may use."""

import dataclasses
import json
import sys

from tf_jfb.cli._shared import import_tensorflow

EXAMPLE = """
examples:
  %(prog)s saved_models/celeba-g5s5/1 --path CELEBA --images 4 --crop 64
  %(prog)s saved_models/mine/1 --path photos --certify
"""


def add_arguments(p) -> None:
    p.add_argument("model", help="run folder of a training, or an exported model's version")
    p.add_argument("--path", help="folder of its images; else that of the run, or dead leaves")
    p.add_argument("--images", type=int, default=4, help="validation images")
    p.add_argument("--crop", type=int, default=64, help="side of their centres")
    p.add_argument("--rtol", type=float, default=1e-6, help="of the solves for x* and the adjoint")
    p.add_argument("--max-evaluations", type=int, default=300, help="cap of both")
    p.add_argument("--json", action="store_true", help="print the figures as JSON")
    p.add_argument(
        "--certify",
        action="store_true",
        help="of an exported model: lay the figures beside it, as its certificate",
    )


def run(args) -> None:
    import_tensorflow(keep_memory=True)
    from tf_jfb.diagnostics import audit_gradient
    from tf_jfb.exported import certify
    from tf_jfb.training import load_run
    from tf_jfb.training.build import config_of
    from tf_jfb.training.problem import degradation, validation_pairs

    config = config_of(args.model)
    if args.certify:
        certify.check_exported(args.model)
    model = load_run(args.model)
    if args.path:
        config = _of_images(config, args.path)
    batch = validation_pairs(config, degradation(config), args.images, args.crop)
    model.compile()
    options = {"rtol": args.rtol, "max_evaluations": args.max_evaluations}
    report = audit_gradient(model, batch, **options)
    figures = _figures(report)
    if args.certify:
        how = {"images": args.images, "crop": args.crop, **options}
        print(f"wrote {certify.write(args.model, figures | how)}", file=sys.stderr)
    print(json.dumps(figures) if args.json else report)


def _of_images(config, path):
    """`config` with the images of `path`, in place of dead leaves where it had these alone."""
    from tf_jfb.training.config import without_unused
    from tf_jfb.training.options import unused

    kind = {"data": "folder", "size": None} if "path" in unused(config) else {}
    return without_unused({**dataclasses.asdict(config), **kind, "path": path})


def _figures(report) -> dict:
    """Of every image the radius and the contraction, and what holds of them together."""
    arrays = {name: getattr(report, name) for name in ("spectral_radius", "contraction")}
    figures = {name: array.tolist() for name, array in arrays.items()}
    cosines = {name: float(row["all"]) for name, row in report.cosine.items()}
    return {**figures, "cosine": cosines, "advice": report.advice}
