"""Randomized smoothing that stops when a radius is proved, or cannot be.

The draws of an image are looked at again and again, at most `n` of them. `L`, the bound by betting, holds at all looks
at once, so that its largest value may be taken and the draws may stop whenever they are enough. With the wanted
probability `q = Phi(target / sigma)`, the draws of an image end when

    L > q                     the target is proved, or
    1 - L' <= q               it is out of reach: `L'` is the same bound for all votes against the class.

The second rule decides when to stop only; the radius that is told is `sigma Phi^-1(L)` in all cases.
"""

import math
from typing import Any, ClassVar

import numpy as np
from scipy import special

from ..core import Paper, check_integer, check_number
from ._certify import AbstractSmoothing
from ._confidence import betting_lower
from ._papers import BETTING, CONFIDENCE_SEQUENCES, RANDOMIZED_SMOOTHING

# A look costs a call of the compiled program: each has half as many draws again as all before it.
_GROWTH = 1.5


class AdaptiveSmoothing(AbstractSmoothing):
    """Randomized smoothing with as many draws as a wanted radius needs.

    Many images are far from the target on one side or the other and are decided by a few hundred draws. For those that
    need all `n`, the radius is a little smaller than that of `Smoothing`.

    **Arguments:**

    - `sigma`, `alpha`, `n0`, `batch_size`: as in `Smoothing`; `alpha` covers all looks of an image together.
    - `target`: the radius that is wanted; 0 asks for a label alone.
    - `n`: the most draws for an image; `first`: how many come before the first look.

    **Returns:** a frozen method for `verify.certify`.

    **Raises:** `ValueError` for numbers out of range, among them a target that `n` draws can never prove.

    Source: the smoothing is that of Cohen, Rosenfeld & Kolter 2019, arXiv 1902.02918; confidence sequences for it are
    due to Voracek 2024, arXiv 2406.17830, and betting to Waudby-Smith & Ramdas 2024, arXiv 2010.09686.

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> from perturbax import verify
    >>> def classifier(x):
    ...     return jnp.stack([-x[:, 0], x[:, 0]], axis=1)
    >>> method = verify.AdaptiveSmoothing(0.5, target=0.25)
    >>> found = verify.certify(classifier, np.float32([[2.0], [0.3]]), method, key=jax.random.key(0))
    >>> (found.radius >= 0.25).tolist(), (found.draws < 2000).tolist()
    ([True, True], [True, False])
    """

    sigma: float
    target: float
    n0: int = 100
    n: int = 100_000
    alpha: float = 0.001
    first: int = 100
    batch_size: int = 1024

    papers: ClassVar[tuple[Paper, ...]] = (RANDOMIZED_SMOOTHING, CONFIDENCE_SEQUENCES, BETTING)

    def __check_init__(self):
        check_integer("first", self.first, minimum=1)

    @property
    def wanted(self) -> float:
        target = check_number("target", self.target, minimum=0.0)
        return float(special.ndtr(target / self.sigma))

    def lower(self, k: np.ndarray, n: np.ndarray) -> np.ndarray:
        return betting_lower(k, n, self.alpha)

    def estimate(self, ask: Any, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        going = np.arange(len(guess), dtype=np.int32)
        draws, best = np.zeros(len(guess), np.int64), np.zeros(len(guess))
        counts, done, ahead = None, 0, min(self.first, self.n)
        while len(going) and ahead:
            seen = ask(going, done, ahead)
            counts = np.zeros((len(guess), seen.shape[1]), np.int64) if counts is None else counts
            counts[going] += seen
            done += ahead
            draws[going] = done
            votes = counts[going, guess[going]]
            best[going] = np.maximum(best[going], self.lower(votes, draws[going]))
            hopeless = 1.0 - self.lower(done - votes, draws[going]) <= self.wanted
            going = going[(best[going] <= self.wanted) & ~hopeless]
            ahead = min(math.ceil((_GROWTH - 1.0) * done), self.n - done)
        assert counts is not None
        return counts, draws, best
