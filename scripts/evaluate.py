"""Compare exported models with baselines on the same degraded test images."""

import _cli

from tf_jfb.cli import evaluate


def main() -> int:
    return _cli.script(evaluate)


if __name__ == "__main__":
    _cli.run(main)
