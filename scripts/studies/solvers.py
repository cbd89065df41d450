"""Evaluations of T that Picard and Anderson need to the same tolerance on a trained model."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/studies/solvers.py runs/celeba-g5s5 --path CELEBA
"""


def main() -> None:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of scripts/train.py")
    p.add_argument("--path", required=True, help="folder of CelebA images")
    p.add_argument("--images", type=int, default=8, help="test images")
    p.add_argument("--rtol", type=float, default=1e-3, help="relative tolerance")
    p.add_argument("--max-evaluations", type=int, default=200, help="cap of both solvers")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    args = p.parse_args()
    _cli.import_tensorflow()
    import numpy as np

    from tf_jfb import data
    from tf_jfb.solvers import Anderson, Picard
    from tf_jfb.training import load_config, load_run

    noise = load_config(pathlib.Path(args.run) / "config.yaml")["noise"]
    source = data.celeba(args.path, "test")
    sharp = np.stack([source[i] for i in range(args.images)])
    unit = np.random.default_rng(args.seed).standard_normal(sharp.shape, np.float32)
    for solver in (Picard, Anderson):
        model = load_run(args.run)
        model.solver = solver(rtol=args.rtol, max_evaluations=args.max_evaluations)
        result = model.restore(model.operator(sharp) + noise * unit)
        evaluations = result.evaluations.numpy()
        print(
            f"{solver.__name__:10s} mean evaluations {evaluations.mean():6.1f}, "
            f"converged {np.mean(result.status.numpy() == 0):.0%}"
        )


if __name__ == "__main__":
    _cli.run(main)
