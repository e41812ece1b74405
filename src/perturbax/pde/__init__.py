"""Differential equations: stated and solved by networks, Gaussians and kernels; what leaves a gas chromatograph."""

from . import catalogue as catalogue
from ._adam import Adam as Adam
from ._ball import Ball as Ball
from ._collocation import AbstractCollocation as AbstractCollocation
from ._compress import CosineNetwork as CosineNetwork
from ._compress import barron_norm as barron_norm
from ._compress import compress as compress
from ._conditions import AbstractCondition as AbstractCondition
from ._conditions import Boundary as Boundary
from ._conditions import Data as Data
from ._conditions import Dirichlet as Dirichlet
from ._conditions import Initial as Initial
from ._conditions import Neumann as Neumann
from ._conditions import Periodic as Periodic
from ._conditions import Robin as Robin
from ._constructive import Difference as Difference
from ._constructive import Intersection as Intersection
from ._constructive import Union as Union
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
from ._flow_sampler import sampling_density as sampling_density
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
from ._mesh import as_mesh as as_mesh
from ._natural_gradient import EnergyNaturalGradient as EnergyNaturalGradient
from ._on_part import OnPart as OnPart
from ._optimiser import AbstractOptimiser as AbstractOptimiser
from ._optimiser import AbstractPhase as AbstractPhase
from ._optimiser import Chain as Chain
from ._partition import AbstractPartition as AbstractPartition
from ._partition import Split as Split
from ._partition import Splits as Splits
from ._problem import PDEProblem as PDEProblem
from ._region import AbstractRegion as AbstractRegion
from ._representation import AbstractRepresentation as AbstractRepresentation
from ._sampler import AbstractSampler as AbstractSampler
from ._sampler import FixedPoints as FixedPoints
from ._sampler import FreshPoints as FreshPoints
from ._sampler import Residual as Residual
from ._sdf import SDFDomain as SDFDomain
from ._simulate import AbstractSimulation as AbstractSimulation
from ._simulate import Chromatogram as Chromatogram
from ._simulate import simulate as simulate
from ._solve import AbstractPDEMethod as AbstractPDEMethod
from ._solve import PDESolution as PDESolution
from ._solve import solve as solve
from ._space_time import SpaceTime as SpaceTime
from ._sparse_waves import PlaneWaves as PlaneWaves
from ._spectral_grid import SpectralGrid as SpectralGrid
from ._spectral_kernels import AbstractSpectralKernel as AbstractSpectralKernel
from ._spectral_kernels import Matern52 as Matern52
from ._spectral_kernels import SpectralMixture as SpectralMixture
from ._spectral_kernels import SquaredExponential as SquaredExponential
from ._spectral_kernels import StudentMixture as StudentMixture
from ._spectrum import Spectrum as Spectrum
from ._spectrum import spectrum as spectrum
from ._step_size import AbstractStep as AbstractStep
from ._step_size import Backtracking as Backtracking
from ._step_size import BoundedStep as BoundedStep
from ._step_size import FixedStep as FixedStep
from ._tune_interface import AbstractInterfaceTuner as AbstractInterfaceTuner
from ._tune_interface import InterfacePolicy as InterfacePolicy
from ._tune_interface import tune_interface as tune_interface
from .adversarial_sampler import AdversarialSampler as AdversarialSampler
from .barron_flow import BarronFlow as BarronFlow
from .bromwich_inversion import BromwichInversion as BromwichInversion
from .chebyshev_collocation import ChebyshevCollocation as ChebyshevCollocation
from .das_grow import DASGrow as DASGrow
from .das_replace import DASReplace as DASReplace
from .deep_ritz import DeepRitz as DeepRitz
from .finite_difference import FiniteDifference as FiniteDifference
from .fixed_gaussians import FixedGaussians as FixedGaussians
from .fourier_pinn import FourierPINN as FourierPINN
from .gphm import GPHM as GPHM
from .joint_gphm import JointGPHM as JointGPHM
from .l2_gradient_flow import L2GradientFlow as L2GradientFlow
from .laplace_integral import LaplaceIntegral as LaplaceIntegral
from .laplace_inversion import LaplaceInversion as LaplaceInversion
from .metalic import METALIC as METALIC
from .modified_pinn import ModifiedPINN as ModifiedPINN
from .pig import PIG as PIG
from .pinn import PINN as PINN
from .pixel import PIXEL as PIXEL
from .plate_model import PlateModel as PlateModel
from .rad import RAD as RAD
from .random_features import RandomFeatures as RandomFeatures
from .rar import RAR as RAR
from .sequential_metalic import SequentialMETALIC as SequentialMETALIC
from .spectral_newton import SpectralNewton as SpectralNewton
from .spinn import SPINN as SPINN
from .xpinn import XPINN as XPINN

__all__ = [
    "ALL_CONDITIONS",
    "CPINN_CONDITIONS",
    "GPHM",
    "LBFGS",
    "LM",
    "METALIC",
    "PIG",
    "PINN",
    "PIXEL",
    "RAD",
    "RAR",
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
    "AbstractRegion",
    "AbstractRepresentation",
    "AbstractSampler",
    "AbstractSimulation",
    "AbstractSpectralKernel",
    "AbstractStep",
    "Adam",
    "AdversarialSampler",
    "AverageContinuity",
    "Backtracking",
    "Ball",
    "BarronFlow",
    "Boundary",
    "BoundedStep",
    "Box",
    "BromwichInversion",
    "Chain",
    "ChebyshevCollocation",
    "Chromatogram",
    "Continuity",
    "CosineNetwork",
    "CurvatureContinuity",
    "DASGrow",
    "DASReplace",
    "Data",
    "DeepRitz",
    "Dense",
    "Diagonal",
    "Difference",
    "Dirichlet",
    "EnergyNaturalGradient",
    "Family",
    "Field",
    "FiniteDifference",
    "FixedGaussians",
    "FixedPoints",
    "FixedStep",
    "FluxContinuity",
    "FourierPINN",
    "FreshPoints",
    "Full",
    "Initial",
    "InterfaceEnvironment",
    "InterfacePoint",
    "InterfacePolicy",
    "Intersection",
    "Isotropic",
    "Jet",
    "JointGPHM",
    "L2GradientFlow",
    "LaplaceIntegral",
    "LaplaceInversion",
    "LatinHypercube",
    "Lattice",
    "Matern52",
    "ModifiedPINN",
    "Neumann",
    "OnPart",
    "PDEProblem",
    "PDESolution",
    "Periodic",
    "Piecewise",
    "PlaneWaves",
    "PlateModel",
    "Points",
    "RandomFeatures",
    "Residual",
    "ResidualBothSides",
    "ResidualContinuity",
    "ResidualGradient",
    "Robin",
    "SDFDomain",
    "SequentialMETALIC",
    "Sites",
    "SlopeContinuity",
    "Sobol",
    "SolutionError",
    "SpaceTime",
    "SpectralGrid",
    "SpectralMixture",
    "SpectralNewton",
    "Spectrum",
    "Split",
    "Splits",
    "SquaredExponential",
    "StudentMixture",
    "TangentialContinuity",
    "Uniform",
    "Union",
    "as_mesh",
    "barron_norm",
    "catalogue",
    "compress",
    "gaussians",
    "interface_errors",
    "jet",
    "sampling_density",
    "simulate",
    "solution_error",
    "solve",
    "spectrum",
    "tune_interface",
]
