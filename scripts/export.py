"""Export the best model of a training run as a SavedModel that still iterates."""

import dataclasses
import os

import _cli

EXAMPLE = """
examples:
  python scripts/export.py runs/mine -o saved_models/mine/1 --rtol 2e-4
  python scripts/export.py saved_models/deblur/1 -o saved_models/microscope/1 --blur psf.npy
"""


def main() -> None:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of scripts/train.py, or an exported model's version")
    p.add_argument("-o", "--output", required=True, help="folder to make: NAME/VERSION")
    p.add_argument("--rtol", type=float, help="default tolerance of the export; else the run's")
    p.add_argument("--max-evaluations", type=int, help="default cap of the export; else the run's")
    p.add_argument("--blur", help="for a model of any blur: one for this blur, zero-padded")
    args = p.parse_args()
    _cli.import_tensorflow()
    from tf_jfb.operators import Blur, kernels
    from tf_jfb.serving import export, for_blur
    from tf_jfb.training import load_run
    from tf_jfb.training.build import CONFIG_OF_EXPORT, config_for_export

    model = load_run(args.run)
    if args.blur is not None:
        model = for_blur(model, Blur(kernels.parse(args.blur)))
    options = {"rtol": args.rtol, "max_evaluations": args.max_evaluations}
    options = {name: value for name, value in options.items() if value is not None}
    model.solver = dataclasses.replace(model.solver, **options)
    own = {}
    if args.blur is not None:
        named = args.blur.split(":")[0] in kernels.FORMS
        own = {"blur": args.blur if named else os.path.abspath(args.blur), "photo": False}
    extra = {CONFIG_OF_EXPORT: config_for_export(args.run, **options, **own)}
    print(f"wrote {export(model, args.output, extra=extra)}")


if __name__ == "__main__":
    _cli.run(main)
