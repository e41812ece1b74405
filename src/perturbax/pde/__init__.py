"""Differential equations: what leaves a chromatograph, in closed form and by finite volumes."""

from ._simulate import AbstractSimulation as AbstractSimulation
from ._simulate import Chromatogram as Chromatogram
from ._simulate import simulate as simulate
from .bromwich_inversion import BromwichInversion as BromwichInversion
from .finite_difference import FiniteDifference as FiniteDifference
from .laplace_integral import LaplaceIntegral as LaplaceIntegral
from .laplace_inversion import LaplaceInversion as LaplaceInversion
from .plate_model import PlateModel as PlateModel

__all__ = [
    "AbstractSimulation",
    "BromwichInversion",
    "Chromatogram",
    "FiniteDifference",
    "LaplaceIntegral",
    "LaplaceInversion",
    "PlateModel",
    "simulate",
]
