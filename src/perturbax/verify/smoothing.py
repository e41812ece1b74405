"""Randomized smoothing with a number of draws that is fixed in advance.

Cohen, Rosenfeld & Kolter 2019. With `sigma`, `n0`, `n` and `alpha`:

    c   = the class with most votes among n0 draws
    k   = votes for c among n other draws
    p_  = the lower Clopper-Pearson bound of level alpha for k of n
    R   = sigma Phi^-1(p_) when p_ > 1/2; else abstain
"""

from typing import Any, ClassVar

import numpy as np

from ..core import Paper
from ._certify import AbstractSmoothing
from ._confidence import clopper_pearson_lower
from ._papers import RANDOMIZED_SMOOTHING


class Smoothing(AbstractSmoothing):
    """Randomized smoothing: `n` draws for each image, and an exact bound of a binomial probability.

    **Arguments:**

    - `sigma`: standard deviation of the noise, in the unit of the images. Radii are a few `sigma` at most.
    - `n0`: draws that guess the class; `n`: draws that the bound stands on. The largest radius that `n` draws can prove
      is `largest_radius`, `sigma Phi^-1(alpha^(1/n))`.
    - `alpha`: the probability that a radius may be invalid with.
    - `batch_size`: noisy images in a chunk.

    **Returns:** a frozen method for `verify.certify`.

    **Raises:** `ValueError` for numbers out of range, among them an `n` with which nothing could ever be proved.

    Source: Cohen, Rosenfeld & Kolter 2019, arXiv 1902.02918.

    >>> from perturbax import verify
    >>> round(verify.Smoothing(0.5, n=100_000).largest_radius, 2)
    1.91
    """

    sigma: float
    n0: int = 100
    n: int = 100_000
    alpha: float = 0.001
    batch_size: int = 1024

    papers: ClassVar[tuple[Paper, ...]] = (RANDOMIZED_SMOOTHING,)

    def lower(self, k: np.ndarray, n: np.ndarray) -> np.ndarray:
        return clopper_pearson_lower(k, n, self.alpha)

    def estimate(self, ask: Any, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.arange(len(guess), dtype=np.int32)
        counts = ask(rows, 0, self.n)
        draws = np.full(len(guess), self.n)
        return counts, draws, self.lower(counts[rows, guess], draws)
