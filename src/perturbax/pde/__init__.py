"""Differential equations: stated and solved by networks, Gaussians and kernels; what leaves a gas chromatograph."""

from . import catalogue as catalogue
from ._adam import Adam as Adam
from ._ball import Ball as Ball
from ._collocation import AbstractCollocation as AbstractCollocation
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
from ._field import Field as Field
from ._gaussians import AbstractGaussians as AbstractGaussians
from ._gaussians import gaussians as gaussians
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
from ._problem import PDEProblem as PDEProblem
from ._region import AbstractRegion as AbstractRegion
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
from .bromwich_inversion import BromwichInversion as BromwichInversion
from .finite_difference import FiniteDifference as FiniteDifference
from .fixed_gaussians import FixedGaussians as FixedGaussians
from .fourier_pinn import FourierPINN as FourierPINN
from .laplace_integral import LaplaceIntegral as LaplaceIntegral
from .laplace_inversion import LaplaceInversion as LaplaceInversion
from .modified_pinn import ModifiedPINN as ModifiedPINN
from .pig import PIG as PIG
from .pinn import PINN as PINN
from .pixel import PIXEL as PIXEL
from .plate_model import PlateModel as PlateModel
from .random_features import RandomFeatures as RandomFeatures
from .spinn import SPINN as SPINN

__all__ = [
    "LBFGS",
    "LM",
    "PIG",
    "PINN",
    "PIXEL",
    "SPINN",
    "AbstractClosedForm",
    "AbstractCollocation",
    "AbstractCondition",
    "AbstractCovariance",
    "AbstractDesign",
    "AbstractDomain",
    "AbstractGaussians",
    "AbstractOptimiser",
    "AbstractPDEMethod",
    "AbstractPhase",
    "AbstractRegion",
    "AbstractSampler",
    "AbstractSimulation",
    "Adam",
    "Ball",
    "Boundary",
    "Box",
    "BromwichInversion",
    "Chain",
    "Chromatogram",
    "Data",
    "Dense",
    "Diagonal",
    "Difference",
    "Dirichlet",
    "EnergyNaturalGradient",
    "Field",
    "FiniteDifference",
    "FixedGaussians",
    "FixedPoints",
    "FourierPINN",
    "FreshPoints",
    "Full",
    "Initial",
    "Intersection",
    "Isotropic",
    "Jet",
    "LaplaceIntegral",
    "LaplaceInversion",
    "LatinHypercube",
    "Lattice",
    "ModifiedPINN",
    "Neumann",
    "OnPart",
    "PDEProblem",
    "PDESolution",
    "Periodic",
    "PlateModel",
    "Points",
    "RandomFeatures",
    "Residual",
    "Robin",
    "SDFDomain",
    "Sites",
    "Sobol",
    "SolutionError",
    "SpaceTime",
    "Uniform",
    "Union",
    "as_mesh",
    "catalogue",
    "gaussians",
    "jet",
    "simulate",
    "solution_error",
    "solve",
]
