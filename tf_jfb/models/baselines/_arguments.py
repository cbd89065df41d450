"""What the baselines ask of their arguments."""

from tf_jfb._validate import check
from tf_jfb.operators import Operator
from tf_jfb.operators.base import image_batch


def checked(d, operator, weight, iterations=1, name="iterations"):
    """`d` as a tensor [B, H, W, C]. Raises ValueError if an argument is outside its range."""
    d = image_batch("d", d)
    check(
        isinstance(operator, Operator),
        "`operator` must be a tf_jfb.operators.Operator.",
        operator=operator,
    )
    check(0 < weight < float("inf"), "`weight` must be positive.", weight=weight)
    check(iterations >= 1, f"`{name}` must be >= 1.", **{name: iterations})
    return d
