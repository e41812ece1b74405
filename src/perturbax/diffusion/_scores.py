"""What a search for schedules minimises: a number for the samples that a schedule gives."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..core import check_array, check_integer
from ..stats import frechet_distance_of_moments
from ._door import check_callable
from ._grid import LogSNR
from ._stepping import FixedSinglestep
from .dpm_solver_pp import DPMSolverPP


class AbstractScore(eqx.Module):
    """A score of samples, smaller is better. `reference` is computed once for the starts that are sampled from."""

    def reference(self, sampled: Callable[[Any], Any], final: Any) -> Any:
        """What the score compares with; `sampled(method)` gives the samples of a sampler from the same starts."""
        return None

    @abc.abstractmethod
    def __call__(self, x: np.ndarray, reference: Any) -> float:
        """The score of samples of shape `(batch, *shape)`."""


class TrajectoryError(AbstractScore):
    """How far samples are from the exact solution of the ODE from the same noise: the median RMS difference.

    No data is needed, and the noise of the score is small, for every sample has its own answer. The median, because a
    few trajectories pass next to a boundary between modes and jump.

    **Arguments:** `steps`: network evaluations of the fine solution (third-order steps in the data prediction).

    **Raises:** `ValueError` for fewer than 30 steps.

    >>> float(TrajectoryError()(np.ones((2, 3)), np.zeros((2, 3))))
    1.0
    """

    steps: int = 300

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=30)

    def reference(self, sampled: Callable[[Any], Any], final: Any) -> Any:
        fine = DPMSolverPP(
            self.steps, order=3, stepping=FixedSinglestep(), solver_type="taylor", grid=LogSNR(final=final)
        )
        return sampled(fine)

    def __call__(self, x: np.ndarray, reference: Any) -> float:
        difference = (np.asarray(x, np.float64) - np.asarray(reference, np.float64)).reshape(x.shape[0], -1)
        return float(np.median(np.sqrt(np.mean(difference**2, axis=1))))

    def loss(self, x: Any, reference: Any) -> Any:
        """A smooth relative of the median: the mean logarithm of the RMS differences."""
        square = jnp.mean((x - reference).reshape(x.shape[0], -1) ** 2, axis=1)
        return 0.5 * jnp.mean(jnp.log(square + jnp.finfo(square.dtype).tiny))


class Frechet(AbstractScore):
    """The Frechet distance to real data in features of the user's; FID with those of Inception.

    Biased by the number of samples: compare scores of equal numbers only.

    **Arguments:** `features`: callable from samples `(batch, *shape)` to `(batch, d)`; `real`: data, `(n, *shape)`.

    **Raises:** `TypeError` or `ValueError` when `features` is not callable or `real` is not finite.

    >>> data = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(Frechet(lambda x: x, data)(data, None), 6)
    0.0
    """

    features: Callable
    mean: Any
    covariance: Any

    def __init__(self, features: Callable, real: Any):
        check_callable("features", features, "features(x)")
        self.features = features
        self.mean, self.covariance = _moments("real", features(check_array("real", real)))

    def __call__(self, x: np.ndarray, reference: Any) -> float:
        return frechet_distance_of_moments(*_moments("x", self.features(x)), self.mean, self.covariance)


class Metric(AbstractScore):
    """A user's own function of the samples."""

    function: Callable

    def __call__(self, x: np.ndarray, reference: Any) -> float:
        return float(self.function(x))


def _moments(name: str, features: Any) -> tuple[np.ndarray, np.ndarray]:
    features = np.asarray(check_array(f"features({name})", features, ndim=2), np.float64)
    if features.shape[0] < 2:
        raise ValueError(f"{name} must have 2 samples or more, got {features.shape[0]}")
    return features.mean(0), np.cov(features, rowvar=False).reshape(features.shape[1], -1)
