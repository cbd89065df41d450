"""Restore a blurred photograph with an exported model and say how the solve went."""

import _cli

from tf_jfb.cli import deblur


def main() -> int:
    return _cli.script(deblur)


if __name__ == "__main__":
    _cli.run(main)
