"""Export the best model of a training run as a SavedModel that still iterates; or its denoiser."""

import dataclasses

from tf_jfb.cli._shared import import_tensorflow

EXAMPLE = """
examples:
  %(prog)s runs/mine -o saved_models/mine/1 --rtol 2e-4
  %(prog)s runs/denoiser --denoiser -o saved_models/denoiser/1
  %(prog)s saved_models/deblur/1 -o saved_models/microscope/1 --blur psf.npy
"""


def add_arguments(p) -> None:
    p.add_argument(
        "run_folder", metavar="RUN", help="of a training, or an exported model's version"
    )
    p.add_argument("-o", "--output", required=True, help="folder to make: NAME/VERSION")
    p.add_argument("--denoiser", action="store_true", help="the run trained a denoiser")
    p.add_argument("--rtol", type=float, help="default tolerance of the export; else the run's")
    p.add_argument("--max-evaluations", type=int, help="default cap of the export; else the run's")
    p.add_argument(
        "--continuation",
        type=int,
        help="evaluations that make the start of a solve, at levels that fall from 0.2, which the "
        "denoiser must know; else the run's",
    )
    p.add_argument(
        "--data-licence", metavar="TEXT", help="terms of the training images, to be told"
    )
    p.add_argument("--blur", help="for a model of any blur: one for this blur, zero-padded")


def run(args) -> None:
    stops = {name: getattr(args, name) for name in ("rtol", "max_evaluations")}
    stops = {name: value for name, value in stops.items() if value is not None}
    start = {} if args.continuation is None else {"continuation": args.continuation}
    if args.denoiser and (stops or start or args.blur):
        raise ValueError("a denoiser takes no --blur and no option of a solve")
    import_tensorflow()
    from tf_jfb.exported import export, export_denoiser, for_blur
    from tf_jfb.operators import Blur, kernels
    from tf_jfb.training import load_denoiser, load_run
    from tf_jfb.training.build import files_for_export

    if args.denoiser:
        told = {"extra": files_for_export(args.run_folder)}
        told["about"] = {"data_licence": args.data_licence}
        print(f"wrote {export_denoiser(load_denoiser(args.run_folder), args.output, **told)}")
        return
    model = load_run(args.run_folder, **start)
    model.solver = dataclasses.replace(model.solver, **stops)
    if args.blur is not None:
        model = for_blur(model, Blur(kernels.parse(args.blur)))
    own = {} if args.blur is None else {"blur": args.blur, "boundary": "circular"}
    told = {"extra": files_for_export(args.run_folder, **stops, **start, **own)}
    told["about"] = {"data_licence": args.data_licence}
    print(f"wrote {export(model, args.output, **told)}")
