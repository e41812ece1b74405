"""Approximation of functions and of data: random nets, minimax, discovered programs, peaks of chromatograms."""

from ._certificate import Certificate as Certificate
from ._certificate import certify as certify
from ._data import ScatteredData as ScatteredData
from ._discover import AbstractDiscovery as AbstractDiscovery
from ._discover import Front as Front
from ._discover import discover as discover
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
from ._lawson import Lawson as Lawson
from ._peaks import AbstractPeakMethod as AbstractPeakMethod
from ._peaks import PeakFit as PeakFit
from ._program import Program as Program
from ._random_features import RandomFeatures as RandomFeatures
from ._readout import AbstractReadout as AbstractReadout
from ._readout import LeastSquares as LeastSquares
from ._readout import Ridge as Ridge
from ._ridgelet import bandlimited_part as bandlimited_part
from ._ridgelet import bump as bump
from ._ridgelet import dual_wavelet as dual_wavelet
from ._target import AbsoluteError as AbsoluteError
from ._target import AbstractErrorUnit as AbstractErrorUnit
from ._target import RelativeError as RelativeError
from ._target import Target as Target
from ._target import ULPError as ULPError
from ._target import ulp as ulp
from ._trace import DetectorTrace as DetectorTrace
from .bandlimited_random_net import BandlimitedRandomNet as BandlimitedRandomNet
from .chebyshev import Chebyshev as Chebyshev
from .chebyshev_least_squares import ChebyshevLeastSquares as ChebyshevLeastSquares
from .evolution import Evolution as Evolution
from .finite_difference_fit import FiniteDifferenceFit as FiniteDifferenceFit
from .gaussian_peaks import GaussianPeaks as GaussianPeaks
from .kernel_ridge import KernelRidge as KernelRidge
from .laplace_fit import LaplaceFit as LaplaceFit
from .modified_gaussian_peaks import ModifiedGaussianPeaks as ModifiedGaussianPeaks
from .pade import Pade as Pade
from .random_fourier_features import RandomFourierFeatures as RandomFourierFeatures
from .random_program_search import RandomProgramSearch as RandomProgramSearch
from .rational_minimax import RationalMinimax as RationalMinimax
from .remez import Remez as Remez
from .stochastic_configuration_net import StochasticConfigurationNet as StochasticConfigurationNet
from .taylor import Taylor as Taylor
from .trained_net import TrainedNet as TrainedNet

__all__ = [
    "AbsoluteError",
    "AbstractDiscovery",
    "AbstractDraw",
    "AbstractErrorUnit",
    "AbstractFitMethod",
    "AbstractPeakMethod",
    "AbstractReadout",
    "Approximation",
    "BandlimitedRandomNet",
    "Candidates",
    "Certificate",
    "Chebyshev",
    "ChebyshevLeastSquares",
    "DetectorTrace",
    "ErrorFloor",
    "Evolution",
    "FiniteDifferenceFit",
    "Fourier",
    "Front",
    "GaussianPeaks",
    "Informed",
    "KernelRidge",
    "LaplaceFit",
    "Lawson",
    "LeastSquares",
    "ModifiedGaussianPeaks",
    "Normal",
    "Pade",
    "PeakFit",
    "Program",
    "RandomFeatures",
    "RandomFourierFeatures",
    "RandomProgramSearch",
    "RationalMinimax",
    "RelativeError",
    "Remez",
    "Ridge",
    "ScatteredData",
    "StochasticConfigurationNet",
    "Support",
    "Symmetric",
    "Target",
    "Taylor",
    "TrainedNet",
    "ULPError",
    "bandlimited_part",
    "bump",
    "certify",
    "discover",
    "dual_wavelet",
    "error_floor",
    "fit",
    "ulp",
]
