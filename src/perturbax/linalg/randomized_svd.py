"""Randomised singular value decomposition.

With a normal sketch `W` of `k + p` columns, `Y = (A A^T)^q A W` orthonormalised after each product, and `Q = orth(Y)`,
they are the singular values and vectors of the small matrix `Q^T A`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer
from ._papers import RANDOMIZED_SVD
from ._spectrum import AbstractSpectrumMethod, RectangularMap, Spectrum, as_rectangular


class RandomizedSVD(AbstractSpectrumMethod):
    """The largest singular values and their vectors, of any matrix with a transpose.

    **Arguments:** `rank`: how many; `oversampling`: columns of the sketch beyond that; `power_iterations`: passes that
    sharpen a spectrum that decays slowly.

    **Returns:** a frozen method for `linalg.spectrum_of`.

    **Raises:** `ValueError` for numbers out of range, or a rank larger than the matrix.

    Source: Halko, Martinsson & Tropp 2011, arXiv 0909.4061.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> A = np.outer(np.arange(4.0), np.ones(3))
    >>> round(float(linalg.spectrum_of(A, linalg.RandomizedSVD(rank=1), key=jax.random.key(0)).values[0]), 6)
    6.480741
    """

    rank: int = 10
    oversampling: int = 10
    power_iterations: int = 2

    papers: ClassVar[tuple[Paper, ...]] = (RANDOMIZED_SVD,)

    def __check_init__(self):
        check_integer("rank", self.rank, minimum=1)
        check_integer("oversampling", self.oversampling, minimum=0)
        check_integer("power_iterations", self.power_iterations, minimum=0)

    def settle(self, operator: Any) -> RectangularMap:
        return as_rectangular(operator)

    def find(self, operator: RectangularMap, key: Any) -> Spectrum:
        smaller = min(operator.rows, operator.columns)
        check_integer("rank", self.rank, maximum=smaller)
        sketch = min(self.rank + self.oversampling, smaller)
        values, right, left, residuals = _svd(operator, key, sketch, self.power_iterations)
        stats = {"evaluations": sketch * (2 + 2 * self.power_iterations) + sketch}
        k = self.rank
        return Spectrum(values[:k], right[:k], left[:k], residuals[:k], None, stats)


@eqx.filter_jit
def _svd(operator: RectangularMap, key: Any, sketch: int, passes: int) -> tuple[Array, Array, Array, Array]:
    def orthonormal(rows: Array) -> Array:
        return jnp.linalg.qr(rows.T)[0].T

    def forward(rows: Array) -> Array:
        return jax.lax.map(operator.forward, rows)

    def transposed(rows: Array) -> Array:
        return jax.lax.map(operator.transposed, rows)

    Q = orthonormal(forward(jax.random.normal(key, (sketch, operator.columns))))
    for _ in range(passes):
        Q = orthonormal(forward(orthonormal(transposed(Q))))
    # Rows are vectors: this is (Q^T A), of shape (sketch, columns).
    small, values, right = jnp.linalg.svd(transposed(Q), full_matrices=False)
    left = small.T @ Q
    residuals = jnp.linalg.norm(forward(right) - values[:, None] * left, axis=1)
    return values, right, left, residuals
