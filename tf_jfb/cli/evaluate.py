"""Compare exported models with baselines on the same degraded test images."""

from tf_jfb.cli._shared import (
    add_ensemble,
    add_solve,
    check_apart,
    check_folders,
    import_tensorflow,
)

EXAMPLE = """
examples:
  %(prog)s --model saved_models/celeba-g5s5 --path CELEBA --images 1000 \\
      --figure results.png
  %(prog)s --protocol bsds-levin --model saved_models/deblur --path BSDS500 \\
      --kernels levin09.npz --denoiser saved_models/denoiser/1
  %(prog)s --protocol real --model saved_models/deblur --path BSDS500 \\
      --kernels levin09.npz --images 3 --output real.json
  %(prog)s --model saved_models/celeba-g5s5 --path CELEBA --baselines TV Wiener
  %(prog)s --protocol denoise-cbsd68 --path CBSD68 \\
      --denoiser saved_models/denoiser/1
"""


BOUNDARIES = ("zero", "circular", "photo")
NOISE_FROM = ("telling", "image", "photons")
WITH_DENOISER = ("plug-and-play", "annealed plug-and-play")
BASELINES = ("Wiener", "Tikhonov", "TV", "Richardson-Lucy", *WITH_DENOISER)


def add_arguments(p) -> None:
    p.add_argument("--model", nargs="+", default=[], help="exported models: saved_models/NAME ...")
    p.add_argument(
        "--protocol", help="images, blurs and noise, such as bsds-levin; else --blur and --noise"
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
        help="of the images; default the protocol's",
    )
    _add_tellings(p)
    add_solve(p)
    add_ensemble(p)
    p.add_argument("--images", type=int, default=1000, help="test images, at most")
    p.add_argument("--tuning", type=int, default=40, help="training images that tune baselines")
    p.add_argument("--batch", type=int, default=8, help="images per batch")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    which = p.add_mutually_exclusive_group()
    which.add_argument(
        "--baselines", nargs="+", metavar="NAME", help=f"default all: {', '.join(BASELINES)}"
    )
    which.add_argument("--no-baselines", action="store_true", help="the models and input alone")
    p.add_argument(
        "--output",
        help="write the figures as JSON here too; until then OUTPUT.partial.jsonl keeps them by "
        "batches, and the same command, started again, goes on",
    )
    p.add_argument("--figure", help="write a picture of the first images here")
    p.add_argument("--curves", help="write a picture of the first images' residuals here")


def _add_tellings(p) -> None:
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
    p.add_argument(
        "--tellings", nargs="+", default=(), metavar="NAME", help="rows of a protocol; default all"
    )
    p.add_argument(
        "--refine-kernel",
        action="store_true",
        help="the models take the kernel told for a start, as `tf-jfb deblur --refine-kernel`",
    )
    p.add_argument(
        "--noise-from",
        choices=NOISE_FROM,
        default="telling",
        help="what the models are told of the noise: the protocol's telling, what they estimate "
        "from the image, or the photons that were counted, where they were",
    )


def run(args) -> None:
    check_folders(args.output, args.figure, args.curves)
    check_apart([args.output, args.figure, args.curves], [args.kernels])
    _check_baselines(args)
    import_tensorflow(keep_memory=True)
    from tf_jfb.evaluation import Comparison, evaluate
    from tf_jfb.evaluation.protocols import PROTOCOLS

    if args.protocol not in (None, *PROTOCOLS):
        raise ValueError(
            f"`protocol` must be one of {', '.join(PROTOCOLS)}. Received: {args.protocol!r}"
        )
    options = {n: v for n, v in vars(args).items() if n not in ("run", "flags", "command")}
    options["baselines"] = not options.pop("no_baselines")
    known = evaluate.CANDIDATES
    candidates = {name: known[name] for name in args.baselines or known}
    print(evaluate.markdown(evaluate.compare(Comparison(**options), candidates=candidates)))


def _check_baselines(args) -> None:
    """Refuses names of none, and of those that would not run."""
    names = args.baselines or ()
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise ValueError(f"`baselines` must be among {', '.join(BASELINES)}. Received: {unknown}")
    if args.denoiser is None and set(names) & set(WITH_DENOISER):
        raise ValueError(f"`baselines` of plug-and-play need a `denoiser`. Received: {names}")
    if names and str(args.protocol).startswith("denoise"):
        raise ValueError(f"`baselines` must be left out: {args.protocol} has none")
