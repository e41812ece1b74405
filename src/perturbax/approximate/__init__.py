"""Approximation of functions: random nets with their floor, and their baselines."""

from ._data import ScatteredData as ScatteredData
from ._draw import AbstractDraw as AbstractDraw
from ._draw import Fourier as Fourier
from ._draw import Informed as Informed
from ._draw import Normal as Normal
from ._draw import Support as Support
from ._draw import Symmetric as Symmetric
from ._fit import AbstractFitMethod as AbstractFitMethod
from ._fit import Approximation as Approximation
from ._fit import Candidates as Candidates
from ._fit import fit as fit
from ._floor import ErrorFloor as ErrorFloor
from ._floor import error_floor as error_floor
from ._random_features import RandomFeatures as RandomFeatures
from ._readout import AbstractReadout as AbstractReadout
from ._readout import LeastSquares as LeastSquares
from ._readout import Ridge as Ridge
from ._ridgelet import bandlimited_part as bandlimited_part
from ._ridgelet import bump as bump
from ._ridgelet import dual_wavelet as dual_wavelet
from .bandlimited_random_net import BandlimitedRandomNet as BandlimitedRandomNet
from .chebyshev_least_squares import ChebyshevLeastSquares as ChebyshevLeastSquares
from .kernel_ridge import KernelRidge as KernelRidge
from .random_fourier_features import RandomFourierFeatures as RandomFourierFeatures
from .stochastic_configuration_net import StochasticConfigurationNet as StochasticConfigurationNet
from .trained_net import TrainedNet as TrainedNet

__all__ = [
    "AbstractDraw",
    "AbstractFitMethod",
    "AbstractReadout",
    "Approximation",
    "BandlimitedRandomNet",
    "Candidates",
    "ChebyshevLeastSquares",
    "ErrorFloor",
    "Fourier",
    "Informed",
    "KernelRidge",
    "LeastSquares",
    "Normal",
    "RandomFeatures",
    "RandomFourierFeatures",
    "Ridge",
    "ScatteredData",
    "StochasticConfigurationNet",
    "Support",
    "Symmetric",
    "TrainedNet",
    "bandlimited_part",
    "bump",
    "dual_wavelet",
    "error_floor",
    "fit",
]
