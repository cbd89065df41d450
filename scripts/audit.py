"""Audit a trained model: how far T contracts, and which gradient estimator its training may use."""

import _cli

from tf_jfb.cli import audit


def main() -> int:
    return _cli.script(audit)


if __name__ == "__main__":
    _cli.run(main)
