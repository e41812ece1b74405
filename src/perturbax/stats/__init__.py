"""Distributions whose answers are exact, and distances between samples with their sampling floors."""

from ._discrepancy import Discrepancy as Discrepancy
from ._discrepancy import energy_distance as energy_distance
from ._discrepancy import maximum_mean_discrepancy as maximum_mean_discrepancy
from ._frechet import frechet_distance as frechet_distance
from ._frechet import frechet_distance_of_moments as frechet_distance_of_moments
from ._gaussian_mixture import GaussianMixture as GaussianMixture
from ._sampling_floor import Floor as Floor
from ._sampling_floor import sampling_floor as sampling_floor
from ._wasserstein import sinkhorn_wasserstein as sinkhorn_wasserstein
from ._wasserstein import sliced_wasserstein as sliced_wasserstein
from ._wasserstein import wasserstein as wasserstein

__all__ = [
    "Discrepancy",
    "Floor",
    "GaussianMixture",
    "energy_distance",
    "frechet_distance",
    "frechet_distance_of_moments",
    "maximum_mean_discrepancy",
    "sampling_floor",
    "sinkhorn_wasserstein",
    "sliced_wasserstein",
    "wasserstein",
]
