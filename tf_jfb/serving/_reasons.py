"""Why something was refused, for people who have a server, a page or a bulk job before them."""

import re

# What Python's functions are asked for by options that are not offered here.
INSTEAD = {
    r': `pages` must say which, "all", "first" or a number from 1': (
        ": put the one that is meant into a file of its own"
    ),
    r"`white` must say which of them is white": "divide them by the value of white",
    r"`mask` must be left out: .*": (
        "`image` must be finite: pixels that are no numbers are left out by a model of any blur"
        " with boundary 'photo' only."
    ),
    r" ?<[\w.]+ object at 0x[0-9a-fA-F]+>": "",
    r"assertion failed: \[(.*=)\] ": r"\1 ",  # by an operation of TensorFlow
}
NODE = "[[{{node"  # follows what the operation says, which its place precedes


def reason_of(error: Exception) -> str:
    """One line, without where in a program it was raised.

    >>> reason_of(ValueError("cannot read <_io.BytesIO object at 0x7f8209a8ec50>"))
    'cannot read'
    """
    text, node, _ = str(getattr(error, "message", None) or error).partition(NODE)
    lines = [line.strip() for line in text.strip().splitlines()]
    told = [line for line in lines if "must" in line]
    reason = " ".join(told or (lines[-1:] if node else lines[:1])) or type(error).__name__
    for pattern, words in INSTEAD.items():
        reason = re.sub(pattern, words, reason)
    return reason
