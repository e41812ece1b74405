"""Linear systems, traces, spectra and diagonalisation of operators and matrices."""

from ._conjugate_gradients import ConjugateGradients as ConjugateGradients
from ._conjugate_gradients import conjugate_gradients as conjugate_gradients
from ._diagonalize import AbstractDiagonalization as AbstractDiagonalization
from ._diagonalize import Diagonalization as Diagonalization
from ._diagonalize import diagonalize as diagonalize
from ._factor import factor_symmetric as factor_symmetric
from ._fit import FittedSolver as FittedSolver
from ._fit import RitzMixtures as RitzMixtures
from ._fit import fit as fit
from ._incomplete_cholesky import IncompleteCholesky as IncompleteCholesky
from ._lanczos import ritz_pairs as ritz_pairs
from ._lanczos import tridiagonalize as tridiagonalize
from ._multigrid import AMG as AMG
from ._operator import AbstractOperator as AbstractOperator
from ._operator import Dense as Dense
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
from ._relaxation import near_asymptotic_iterations as near_asymptotic_iterations
from ._relaxation import optimal_omega as optimal_omega
from ._relaxation import sor_radius as sor_radius
from ._relaxation import ssor_cg_iterations as ssor_cg_iterations
from ._saved import load_network as load_network
from ._saved import save_network as save_network
from ._shifted import Shifted as Shifted
from ._solve import AbstractLinearSolver as AbstractLinearSolver
from ._solve import LinearSolution as LinearSolution
from ._solve import solve as solve
from ._sparse import Sparse as Sparse
from ._spectrum import Spectrum as Spectrum
from ._spectrum import spectrum_of as spectrum_of
from ._trace import TraceEstimate as TraceEstimate
from ._trace import trace as trace
from .cg import CG as CG
from .dcdm import DCDM as DCDM
from .deflated_pcg import DeflatedPCG as DeflatedPCG
from .eig import Eig as Eig
from .flexible_cg import FlexibleCG as FlexibleCG
from .hutch_pp import HutchPP as HutchPP
from .hutchinson import Hutchinson as Hutchinson
from .lanczos import Lanczos as Lanczos
from .network_iteration import NetworkIteration as NetworkIteration
from .pcg import PCG as PCG
from .ptd import PTD as PTD
from .random_ptd import RandomPTD as RandomPTD
from .randomized_svd import RandomizedSVD as RandomizedSVD
from .stationary import Stationary as Stationary
from .stochastic_lanczos_quadrature import StochasticLanczosQuadrature as StochasticLanczosQuadrature

__all__ = [
    "AMG",
    "CG",
    "DCDM",
    "PCG",
    "PTD",
    "SOR",
    "SSOR",
    "AbstractDiagonalization",
    "AbstractLinearSolver",
    "AbstractOperator",
    "AbstractPreconditioner",
    "ConjugateGradients",
    "DeflatedPCG",
    "Dense",
    "Diagonalization",
    "Eig",
    "FittedSolver",
    "FlexibleCG",
    "HutchPP",
    "Hutchinson",
    "IncompleteCholesky",
    "Jacobi",
    "Lanczos",
    "LinearSolution",
    "LinearSystem",
    "LineaxOperator",
    "MatrixFree",
    "Natural",
    "NetworkIteration",
    "Poisson",
    "RandomPTD",
    "RandomizedSVD",
    "RedBlack",
    "RitzMixtures",
    "Shifted",
    "Sparse",
    "Spectrum",
    "Stationary",
    "StochasticLanczosQuadrature",
    "TraceEstimate",
    "conjugate_gradients",
    "diagonalize",
    "factor_symmetric",
    "fit",
    "load_network",
    "near_asymptotic_iterations",
    "optimal_omega",
    "ritz_pairs",
    "save_network",
    "solve",
    "sor_radius",
    "spectrum_of",
    "ssor_cg_iterations",
    "trace",
    "tridiagonalize",
]
