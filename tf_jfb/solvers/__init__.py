"""Fixed-point solvers: a method supplies `init` and `step`; `solve` owns the loop."""

from tf_jfb._types import Solution, Status
from tf_jfb.solvers.anderson import Anderson
from tf_jfb.solvers.base import Solver
from tf_jfb.solvers.picard import Picard
from tf_jfb.solvers.solve import solve

__all__ = ["Anderson", "Picard", "Solution", "Solver", "Status", "solve"]
