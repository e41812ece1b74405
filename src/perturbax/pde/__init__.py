"""Differential equations: stated and solved by networks, Gaussians and kernels; what leaves a gas chromatograph."""

from . import catalogue as catalogue
from ._adam import Adam as Adam
from ._collocation import AbstractCollocation as AbstractCollocation
from ._conditions import AbstractCondition as AbstractCondition
from ._conditions import Boundary as Boundary
from ._conditions import Data as Data
from ._conditions import Dirichlet as Dirichlet
from ._conditions import Initial as Initial
from ._conditions import Neumann as Neumann
from ._conditions import Periodic as Periodic
from ._conditions import Robin as Robin
from ._covariance import AbstractCovariance as AbstractCovariance
from ._covariance import Diagonal as Diagonal
from ._covariance import Full as Full
from ._covariance import Isotropic as Isotropic
from ._decomposition import Piecewise as Piecewise
from ._dense import Dense as Dense
from ._design import AbstractDesign as AbstractDesign
from ._design import LatinHypercube as LatinHypercube
from ._design import Lattice as Lattice
from ._design import Sobol as Sobol
from ._design import Uniform as Uniform
from ._domain import AbstractDomain as AbstractDomain
from ._domain import Box as Box
from ._domain import Sites as Sites
from ._error import SolutionError as SolutionError
from ._error import solution_error as solution_error
from ._family import Family as Family
from ._field import Field as Field
from ._gaussians import AbstractGaussians as AbstractGaussians
from ._gaussians import gaussians as gaussians
from ._interface import ALL_CONDITIONS as ALL_CONDITIONS
from ._interface import CPINN_CONDITIONS as CPINN_CONDITIONS
from ._interface import XPINN_CONDITIONS as XPINN_CONDITIONS
from ._interface import AbstractInterfaceCondition as AbstractInterfaceCondition
from ._interface import AverageContinuity as AverageContinuity
from ._interface import Continuity as Continuity
from ._interface import CurvatureContinuity as CurvatureContinuity
from ._interface import FluxContinuity as FluxContinuity
from ._interface import InterfacePoint as InterfacePoint
from ._interface import ResidualBothSides as ResidualBothSides
from ._interface import ResidualContinuity as ResidualContinuity
from ._interface import ResidualGradient as ResidualGradient
from ._interface import SlopeContinuity as SlopeContinuity
from ._interface import TangentialContinuity as TangentialContinuity
from ._interface_environment import InterfaceEnvironment as InterfaceEnvironment
from ._interface_environment import interface_errors as interface_errors
from ._jet import AbstractClosedForm as AbstractClosedForm
from ._jet import Jet as Jet
from ._jet import jet as jet
from ._lbfgs import LBFGS as LBFGS
from ._least_squares import Points as Points
from ._lm import LM as LM
from ._optimiser import AbstractOptimiser as AbstractOptimiser
from ._optimiser import AbstractPhase as AbstractPhase
from ._optimiser import Chain as Chain
from ._partition import AbstractPartition as AbstractPartition
from ._partition import Split as Split
from ._partition import Splits as Splits
from ._problem import PDEProblem as PDEProblem
from ._sampler import AbstractSampler as AbstractSampler
from ._sampler import FixedPoints as FixedPoints
from ._sampler import FreshPoints as FreshPoints
from ._sampler import Residual as Residual
from ._simulate import AbstractSimulation as AbstractSimulation
from ._simulate import Chromatogram as Chromatogram
from ._simulate import simulate as simulate
from ._solve import AbstractPDEMethod as AbstractPDEMethod
from ._solve import PDESolution as PDESolution
from ._solve import solve as solve
from ._tune_interface import AbstractInterfaceTuner as AbstractInterfaceTuner
from ._tune_interface import InterfacePolicy as InterfacePolicy
from ._tune_interface import tune_interface as tune_interface
from .bromwich_inversion import BromwichInversion as BromwichInversion
from .finite_difference import FiniteDifference as FiniteDifference
from .fixed_gaussians import FixedGaussians as FixedGaussians
from .fourier_pinn import FourierPINN as FourierPINN
from .laplace_integral import LaplaceIntegral as LaplaceIntegral
from .laplace_inversion import LaplaceInversion as LaplaceInversion
from .metalic import METALIC as METALIC
from .modified_pinn import ModifiedPINN as ModifiedPINN
from .pig import PIG as PIG
from .pinn import PINN as PINN
from .pixel import PIXEL as PIXEL
from .plate_model import PlateModel as PlateModel
from .sequential_metalic import SequentialMETALIC as SequentialMETALIC
from .spinn import SPINN as SPINN
from .xpinn import XPINN as XPINN

__all__ = [
    "ALL_CONDITIONS",
    "CPINN_CONDITIONS",
    "LBFGS",
    "LM",
    "METALIC",
    "PIG",
    "PINN",
    "PIXEL",
    "SPINN",
    "XPINN",
    "XPINN_CONDITIONS",
    "AbstractClosedForm",
    "AbstractCollocation",
    "AbstractCondition",
    "AbstractCovariance",
    "AbstractDesign",
    "AbstractDomain",
    "AbstractGaussians",
    "AbstractInterfaceCondition",
    "AbstractInterfaceTuner",
    "AbstractOptimiser",
    "AbstractPDEMethod",
    "AbstractPartition",
    "AbstractPhase",
    "AbstractSampler",
    "AbstractSimulation",
    "Adam",
    "AverageContinuity",
    "Boundary",
    "Box",
    "BromwichInversion",
    "Chain",
    "Chromatogram",
    "Continuity",
    "CurvatureContinuity",
    "Data",
    "Dense",
    "Diagonal",
    "Dirichlet",
    "Family",
    "Field",
    "FiniteDifference",
    "FixedGaussians",
    "FixedPoints",
    "FluxContinuity",
    "FourierPINN",
    "FreshPoints",
    "Full",
    "Initial",
    "InterfaceEnvironment",
    "InterfacePoint",
    "InterfacePolicy",
    "Isotropic",
    "Jet",
    "LaplaceIntegral",
    "LaplaceInversion",
    "LatinHypercube",
    "Lattice",
    "ModifiedPINN",
    "Neumann",
    "PDEProblem",
    "PDESolution",
    "Periodic",
    "Piecewise",
    "PlateModel",
    "Points",
    "Residual",
    "ResidualBothSides",
    "ResidualContinuity",
    "ResidualGradient",
    "Robin",
    "SequentialMETALIC",
    "Sites",
    "SlopeContinuity",
    "Sobol",
    "SolutionError",
    "Split",
    "Splits",
    "TangentialContinuity",
    "Uniform",
    "catalogue",
    "gaussians",
    "interface_errors",
    "jet",
    "simulate",
    "solution_error",
    "solve",
    "tune_interface",
]
