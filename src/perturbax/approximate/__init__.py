"""Approximation of data: peaks of chromatograms."""

from ._fit import AbstractFitMethod as AbstractFitMethod
from ._fit import fit as fit
from ._peaks import AbstractPeakMethod as AbstractPeakMethod
from ._peaks import PeakFit as PeakFit
from ._trace import DetectorTrace as DetectorTrace
from .finite_difference_fit import FiniteDifferenceFit as FiniteDifferenceFit
from .gaussian_peaks import GaussianPeaks as GaussianPeaks
from .laplace_fit import LaplaceFit as LaplaceFit
from .modified_gaussian_peaks import ModifiedGaussianPeaks as ModifiedGaussianPeaks

__all__ = [
    "AbstractFitMethod",
    "AbstractPeakMethod",
    "DetectorTrace",
    "FiniteDifferenceFit",
    "GaussianPeaks",
    "LaplaceFit",
    "ModifiedGaussianPeaks",
    "PeakFit",
    "fit",
]
