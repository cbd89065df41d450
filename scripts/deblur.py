"""Restore a blurred photograph with an exported model and say how the solve went."""

import json
import pathlib

import _cli

EXAMPLE = """
examples:
  python scripts/deblur.py photo.jpg --model saved_models/celeba-g5s5 -o restored.png
  python scripts/deblur.py sharp.png --model saved_models/celeba-g5s5 -o out.png \\
      --simulate gaussian:5:5.0 --noise 0.005 --figure out-figure.png
  python scripts/deblur.py photo.jpg --model saved_models/deblur --kernel psf.png -o out.png
  python scripts/deblur.py sharp.png --model saved_models/deblur --kernel motion:25:3 \\
      --simulate motion:25:3 --noise 0.01 -o out.png
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("photo", help="image file of any size and format")
    p.add_argument("--model", required=True, help="exported model: saved_models/NAME")
    p.add_argument("-o", "--output", required=True, help="restored image to write")
    p.add_argument("--kernel", help="its blur, for a model that takes any: gaussian:5:5.0, FILE")
    p.add_argument(
        "--simulate",
        metavar="BLUR",
        help="blur PHOTO first: gaussian:SIZE:STD; "
        "with --kernel, cut off the edge whose blur mixes in what lies beyond",
    )
    p.add_argument(
        "--noise",
        type=float,
        help="std in [0, 1] units, of --simulate (else 0) and told to a model that takes it "
        "(else estimated)",
    )
    p.add_argument("--seed", type=int, default=0, help="of the simulated noise")
    p.add_argument("--rtol", type=float, help="relative tolerance; else the model's")
    p.add_argument("--max-evaluations", type=int, help="cap of the solve; else the model's")
    p.add_argument("--figure", help="also write a figure: sharp, blurred, restored, residuals")
    p.add_argument("--json", action="store_true", help="print the report as JSON")
    return p


def check(args) -> None:
    """Refuses what can be refused before TensorFlow is imported."""
    from PIL import Image

    _cli.check_folders(args.output, args.figure)
    if pathlib.Path(args.output).suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"The output must end in the name of an image format: {args.output!r}")
    if args.figure:
        from matplotlib.backend_bases import FigureCanvasBase

        formats = FigureCanvasBase.filetypes
        if pathlib.Path(args.figure).suffix.lower().removeprefix(".") not in formats:
            raise ValueError(f"--figure must end in one of {', '.join(formats)}: {args.figure!r}")
    if not pathlib.Path(args.photo).is_file():
        raise ValueError(f"The image file must exist. Received: path={args.photo!r}")
    if not pathlib.Path(args.model).is_dir():
        raise ValueError(f"`model` must be a folder with a SavedModel. Received: {args.model!r}")
    for name, least in (("rtol", 0), ("max_evaluations", 1), ("noise", 0)):
        value = getattr(args, name)
        if value is not None and not least <= value < float("inf"):
            raise ValueError(f"`{name}` must be >= {least}, and finite. Received: {name}={value}")


def main() -> None:
    args = parser().parse_args()
    check(args)
    _cli.import_tensorflow()
    from tf_jfb.data import read_image, write_image
    from tf_jfb.data.image_io import check_output
    from tf_jfb.evaluation import report
    from tf_jfb.exported import ExportedModel, deblur_photo
    from tf_jfb.operators import kernels

    photo = sharp = read_image(args.photo)
    check_output(args.output)
    told = {"kernel": kernels.parse(args.kernel)} if args.kernel else {}
    if args.simulate:
        options = {"seed": args.seed, "black": not args.kernel}
        sharp, photo = report.simulate(photo, args.simulate, args.noise or 0.0, **options)
    model = ExportedModel.open(args.model)
    if not args.simulate or model.takes_noise:
        told["noise"] = args.noise
    told["trace"] = args.figure is not None
    result = deblur_photo(
        model, photo, rtol=args.rtol, max_evaluations=args.max_evaluations, **told
    )
    write_image(args.output, result.photo)
    rows = report.describe(result, photo, sharp if args.simulate else None)
    print(json.dumps(rows) if args.json else report.lines(rows))
    if args.figure:
        report.plot(args.figure, result, photo, sharp if args.simulate else None)


if __name__ == "__main__":
    _cli.run(main)
