"""Symmetric peaks, `f(t) = exp(-(t - t_0)^2 / (2 s^2))`, the oldest way to read a chromatogram."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import PLATES
from ._peaks import AbstractPeakMethod
from ._trace import DetectorTrace


class GaussianPeaks(AbstractPeakMethod):
    """A time and a width for each peak, without kinetics; rates are those that have the same moments.

    **Arguments:** `max_steps`, `tolerance`: of Levenberg and Marquardt, as in `LaplaceFit`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive.

    Source: Martin & Synge 1941, where many plates make peaks normal.

    >>> from perturbax import approximate
    >>> approximate.GaussianPeaks().names
    ('time', 'deviation')
    """

    max_steps: int = 100
    tolerance: float = 1e-8

    papers: ClassVar[tuple[Paper, ...]] = (PLATES,)
    names: ClassVar[tuple[str, ...]] = ("time", "deviation")

    def start(self, problem: DetectorTrace) -> Float[np.ndarray, "m p"]:
        return np.stack([problem.tops, problem.widths], 1)

    def prepare(self, problem: DetectorTrace) -> Any:
        return problem.times

    def shapes(self, values: Float[Array, "m p"], prepared: Any) -> Float[Array, "m n"]:
        centre, deviation = values[:, :1], values[:, 1:]
        return jnp.exp(-0.5 * ((prepared - centre) / deviation) ** 2)

    def moments(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        _, mean, variance = problem.pulse.moments
        # A peak is never narrower than its pulse but for noise; then nothing is taken off.
        squares = values[:, 1] ** 2
        return values[:, 0] - mean, np.sqrt(np.where(squares > variance, squares - variance, squares))
