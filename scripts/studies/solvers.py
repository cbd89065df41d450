"""Evaluations of T that Picard and Anderson need to the same tolerance on a trained model."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/studies/solvers.py saved_models/celeba-g5s5/1 --path CELEBA
"""


def main() -> None:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of scripts/train.py, or an exported model")
    p.add_argument("--path", required=True, help="folder of CelebA images")
    p.add_argument("--images", type=int, default=8, help="test images")
    p.add_argument("--crop", type=int, default=128, help="side of their centres")
    p.add_argument("--precision", default="float32", help="of the network: mixed_bfloat16, ...")
    p.add_argument("--rtol", type=float, default=1e-3, help="relative tolerance")
    p.add_argument("--max-evaluations", type=int, default=200, help="cap of both solvers")
    p.add_argument("--noise", type=float, default=0.005, help="standard deviation")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    args = p.parse_args()
    _cli.import_tensorflow()
    import numpy as np

    from tf_jfb import data, metrics
    from tf_jfb.solvers import Anderson, Picard
    from tf_jfb.training import load_run

    source, cut = data.celeba(args.path, "test"), (128 - args.crop) // 2
    window = slice(cut, cut + args.crop)
    sharp = np.stack([source[i][window, window] for i in range(args.images)])
    unit = np.random.default_rng(args.seed).standard_normal(sharp.shape, np.float32)
    for solver in (Picard, Anderson):
        model = load_run(args.run, args.precision)
        model.solver = solver(rtol=args.rtol, max_evaluations=args.max_evaluations)
        result = model.restore(model.operator(sharp) + args.noise * unit)
        evaluations = result.evaluations.numpy()
        print(
            f"{solver.__name__:10s} mean evaluations {evaluations.mean():6.1f}, "
            f"converged {np.mean(result.status.numpy() == 0):.0%}, "
            f"PSNR {np.mean(metrics.psnr(sharp, result.image)):.3f} dB"
        )


if __name__ == "__main__":
    _cli.run(main)
