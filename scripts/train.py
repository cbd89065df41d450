"""Train an equilibrium model by Jacobian-free backpropagation, or its denoiser first."""

import _cli

from tf_jfb.cli import train


def main() -> int:
    return _cli.script(train)


if __name__ == "__main__":
    _cli.run(main)
