"""Gaussian peaks with an exponential tail, a Gaussian of the width `s` convolved with `exp(-t / d) / d`.

    f(t) = exp(-z^2 / 2) erfcx((s / d - z) / sqrt 2),    z = (t - t_0) / s

with `erfcx(x) = exp(x^2) erfc(x)`; the mean is `t_0 + d`, the variance `s^2 + d^2`.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import MODIFIED_GAUSSIAN
from ._peaks import AbstractPeakMethod
from ._trace import DetectorTrace


class ModifiedGaussianPeaks(AbstractPeakMethod):
    """A time, a width and a tail for each peak, without kinetics; rates are those that have the same moments.

    Also known as exponentially modified Gaussian, EMG.

    **Arguments:** `max_steps`, `tolerance`: of Levenberg and Marquardt, as in `LaplaceFit`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive.

    Source: Grushka 1972.

    >>> from perturbax import approximate
    >>> approximate.ModifiedGaussianPeaks().names
    ('time', 'deviation', 'decay')
    """

    max_steps: int = 100
    tolerance: float = 1e-8

    papers: ClassVar[tuple[Paper, ...]] = (MODIFIED_GAUSSIAN,)
    names: ClassVar[tuple[str, ...]] = ("time", "deviation", "decay")

    def start(self, problem: DetectorTrace) -> Float[np.ndarray, "m p"]:
        # A tail of half the width, with the mean and the variance of the peak.
        tail = 0.5 * problem.widths
        return np.stack([problem.tops - 0.5 * tail, np.sqrt(problem.widths**2 - tail**2), tail], 1)

    def prepare(self, problem: DetectorTrace) -> Any:
        return problem.times

    def shapes(self, values: Float[Array, "m p"], prepared: Any) -> Float[Array, "m n"]:
        centre, deviation, decay = jnp.moveaxis(values, 1, 0)[:, :, None]
        z, ratio = (prepared - centre) / deviation, deviation / decay
        # exp(-z^2/2) erfcx(x) = 2 exp(ratio^2/2 - ratio z) Phi(z - ratio), as one exponent, which does not overflow.
        return jnp.exp(0.5 * ratio**2 - ratio * z + log_ndtr(z - ratio))

    def moments(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        _, mean, variance = problem.pulse.moments
        centre, deviation, decay = values.T
        squares = deviation**2 + decay**2
        return centre + decay - mean, np.sqrt(np.where(squares > variance, squares - variance, squares))
