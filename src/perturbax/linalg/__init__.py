"""Linear systems, traces and spectra of operators that are known by what they do to a vector."""

from ._conjugate_gradients import ConjugateGradients as ConjugateGradients
from ._conjugate_gradients import conjugate_gradients as conjugate_gradients
from ._fit import FittedSolver as FittedSolver
from ._fit import RitzMixtures as RitzMixtures
from ._fit import fit as fit
from ._incomplete_cholesky import IncompleteCholesky as IncompleteCholesky
from ._multigrid import AMG as AMG
from ._operator import AbstractOperator as AbstractOperator
from ._operator import LineaxOperator as LineaxOperator
from ._operator import MatrixFree as MatrixFree
from ._poisson import Poisson as Poisson
from ._preconditioner import SOR as SOR
from ._preconditioner import SSOR as SSOR
from ._preconditioner import AbstractPreconditioner as AbstractPreconditioner
from ._preconditioner import Jacobi as Jacobi
from ._preconditioner import Natural as Natural
from ._preconditioner import RedBlack as RedBlack
from ._problem import LinearSystem as LinearSystem
from ._solve import AbstractLinearSolver as AbstractLinearSolver
from ._solve import LinearSolution as LinearSolution
from ._solve import solve as solve
from ._sparse import Sparse as Sparse
from .cg import CG as CG
from .dcdm import DCDM as DCDM
from .deflated_pcg import DeflatedPCG as DeflatedPCG
from .flexible_cg import FlexibleCG as FlexibleCG
from .network_iteration import NetworkIteration as NetworkIteration
from .pcg import PCG as PCG
from .stationary import Stationary as Stationary

__all__ = [
    "AMG",
    "CG",
    "DCDM",
    "PCG",
    "SOR",
    "SSOR",
    "AbstractLinearSolver",
    "AbstractOperator",
    "AbstractPreconditioner",
    "ConjugateGradients",
    "DeflatedPCG",
    "FittedSolver",
    "FlexibleCG",
    "IncompleteCholesky",
    "Jacobi",
    "LinearSolution",
    "LinearSystem",
    "LineaxOperator",
    "MatrixFree",
    "Natural",
    "NetworkIteration",
    "Poisson",
    "RedBlack",
    "RitzMixtures",
    "Sparse",
    "Stationary",
    "conjugate_gradients",
    "fit",
    "solve",
]
