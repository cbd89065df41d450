"""Starts the command `tf-jfb`.

Where this module was imported first, `import tf_jfb` imports nothing else: help and errors of usage
come without TensorFlow, which takes seconds to import.
"""


def main() -> int:
    """The exit code of the command line in `sys.argv`."""
    from tf_jfb.cli import main

    return main()
