"""Fixed-point solvers: a method supplies `init` and `step`; `solve` owns the loop."""

from tf_jfb._types import Solution, Status
from tf_jfb.solvers.anderson import Anderson
from tf_jfb.solvers.base import Solver
from tf_jfb.solvers.bicgstab import BiCGSTAB
from tf_jfb.solvers.broyden import Broyden
from tf_jfb.solvers.gmres import GMRES
from tf_jfb.solvers.picard import Picard
from tf_jfb.solvers.solve import solve

__all__ = [
    "GMRES",
    "Anderson",
    "BiCGSTAB",
    "Broyden",
    "Picard",
    "Solution",
    "Solver",
    "Status",
    "solve",
]
