"""Compare an exported model with blurred input, Tikhonov and TV on the same test images."""

import json

import _cli

EXAMPLE = """
example:
  python scripts/evaluate.py --model saved_models/celeba-g5s5 --path CELEBA --images 1000 \\
      --figure results.png
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--model", required=True, help="exported model: saved_models/NAME")
    p.add_argument("--path", help="folder of CelebA images; without it, dead leaves")
    p.add_argument("--blur", default="gaussian:5:5.0", help="gaussian:SIZE:STD or a kernel file")
    p.add_argument("--noise", type=float, default=0.005, help="std in [0, 1] units")
    p.add_argument("--images", type=int, default=1000, help="test images")
    p.add_argument("--tuning", type=int, default=40, help="training images that tune baselines")
    p.add_argument("--batch", type=int, default=8, help="images per batch")
    p.add_argument("--rtol", type=float, help="relative tolerance; else the model's")
    p.add_argument("--max-evaluations", type=int, help="cap of the solve; else the model's")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    p.add_argument("--no-baselines", action="store_true", help="the model and its input alone")
    p.add_argument("--output", help="write the numbers as JSON here too")
    p.add_argument("--figure", help="write a picture of the first images here")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.check_folders(args.output, args.figure)
    _cli.import_tensorflow()
    from tf_jfb.serving import evaluate

    table = evaluate.compare(args)
    print(evaluate.markdown(table))
    if args.output:
        with open(args.output, "w") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    _cli.run(main)
