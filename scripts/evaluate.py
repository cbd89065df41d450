"""Compare exported models with baselines on the same degraded test images."""

import _cli

EXAMPLE = """
examples:
  python scripts/evaluate.py --model saved_models/celeba-g5s5 --path CELEBA --images 1000 \\
      --figure results.png
  python scripts/evaluate.py --protocol bsds-levin --model saved_models/deblur --path BSDS500 \\
      --kernels levin09.npz --denoiser saved_models/denoiser/1
  python scripts/evaluate.py --protocol real --model saved_models/deblur --path BSDS500 \\
      --kernels levin09.npz --images 3 --output real.json
  python scripts/evaluate.py --protocol denoise-cbsd68 --path CBSD68 \\
      --denoiser saved_models/denoiser/1
"""


def parser():
    from tf_jfb.evaluation.protocols import BOUNDARIES, PROTOCOLS

    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--model", nargs="+", default=[], help="exported models: saved_models/NAME ...")
    p.add_argument(
        "--protocol", choices=PROTOCOLS, help="images, blurs and noise; else --blur and --noise"
    )
    p.add_argument("--path", help="folder of the images; for CelebA's, without it, dead leaves")
    p.add_argument("--tuning-path", help="folder of the training images; default PATH")
    p.add_argument("--kernels", help=".npz file of the eight kernels of Levin et al., k1 to k8")
    p.add_argument(
        "--denoiser",
        help="run folder of a denoiser, or saved_models/denoiser/1: for plug-and-play, or alone",
    )
    p.add_argument("--blur", default="gaussian:5:5.0", help="gaussian:SIZE:STD or a kernel file")
    p.add_argument("--noise", type=float, default=0.005, help="std in [0, 1] units")
    p.add_argument("--side", type=int, help="of the images, pixels; default the protocol's")
    p.add_argument(
        "--boundary",
        choices=BOUNDARIES,
        help="default the protocol's: "
        + "; ".join(f"{name}: {what}" for name, what in BOUNDARIES.items()),
    )
    _add_false_tellings(p)
    p.add_argument("--images", type=int, default=1000, help="test images, at most")
    p.add_argument("--tuning", type=int, default=40, help="training images that tune baselines")
    p.add_argument("--batch", type=int, default=8, help="images per batch")
    p.add_argument("--rtol", type=float, help="relative tolerance; else the model's")
    p.add_argument("--max-evaluations", type=int, help="cap of the solve; else the model's")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    p.add_argument("--no-baselines", action="store_true", help="the models and their input alone")
    p.add_argument(
        "--output",
        help="write the figures as JSON here too; until then OUTPUT.partial.jsonl keeps them by "
        "batches, and the same command, started again, goes on",
    )
    p.add_argument("--figure", help="write a picture of the first images here")
    p.add_argument("--curves", help="write a picture of the first images' residuals here")
    return p


def _add_false_tellings(p) -> None:
    p.add_argument(
        "--kernel-error",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="the methods are told a kernel FACTOR times as wide as the true one",
    )
    p.add_argument(
        "--noise-error",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="they are told FACTOR times the noise; the baselines' weights stay the tuned ones",
    )


def main() -> None:
    _cli.import_tensorflow(keep_memory=True)
    options = vars(parser().parse_args())
    _cli.check_folders(*(options[name] for name in ("output", "figure", "curves")))
    from tf_jfb.evaluation import Comparison, evaluate

    options["baselines"] = not options.pop("no_baselines")
    print(evaluate.markdown(evaluate.compare(Comparison(**options))))


if __name__ == "__main__":
    _cli.run(main)
