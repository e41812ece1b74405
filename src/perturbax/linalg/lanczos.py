"""Lanczos' method: extremal eigenvalues of a symmetric operator.

`T = Q^T A Q` on the Krylov space of a random start; see `_lanczos.py`. Ritz values at both ends of the spectrum
converge first, and a Ritz pair `(theta, v)` with the residual `rho = |A v - theta v|` has an eigenvalue within `rho`.
"""

from typing import Any, ClassVar

import jax

from ..core import Paper, check_integer
from ._lanczos import ritz_pairs, tridiagonalize
from ._operator import AbstractOperator
from ._papers import LANCZOS
from ._spectrum import AbstractSymmetricSpectrumMethod, Spectrum


class Lanczos(AbstractSymmetricSpectrumMethod):
    """Ritz pairs from one random start, with full reorthogonalisation.

    It needs `steps` vectors of memory. One start finds one vector of each eigenspace.

    **Arguments:** `steps`: of the recurrence, at most the size of a vector.

    **Returns:** a frozen method for `linalg.spectrum_of`.

    **Raises:** `ValueError` when `steps` is smaller than 1, or larger than a vector.

    Source: Lanczos 1950.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> found = linalg.spectrum_of(linalg.Poisson(np.ones((8, 8), bool), open_sides=True), linalg.Lanczos(30),
    ...     key=jax.random.key(0))
    >>> bool(abs(found.values[-1] - 8.0 * np.cos(np.pi / 18.0) ** 2) < 1e-3)
    True
    """

    steps: int = 50

    papers: ClassVar[tuple[Paper, ...]] = (LANCZOS,)

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)

    def find(self, operator: AbstractOperator, key: Any) -> Spectrum:
        check_integer("steps", self.steps, maximum=operator.size)
        pairs = ritz_pairs(tridiagonalize(operator, jax.random.normal(key, operator.shape), self.steps))
        stats = {"evaluations": self.steps}
        return Spectrum(pairs.values, pairs.vectors, None, pairs.residuals, operator.size * pairs.weights, stats)
