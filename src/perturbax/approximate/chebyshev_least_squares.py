"""Least squares in Chebyshev polynomials, for data of one column.

Trefethen 2013, *Approximation Theory and Approximation Practice*. On the data's interval, mapped to `[-1, 1]`,

    f(t) = sum_{j=0}^d c_j T_j(t)

For analytic functions the error falls geometrically in the degree. On equidistant points the degree should stay below
about twice the root of the number of points, beyond which the system becomes ill-conditioned.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from numpy.polynomial import chebyshev

from ..core import Paper, check_integer, float64
from . import _papers
from ._data import ScatteredData
from ._fit import AbstractFitMethod, Approximation, settled


class ChebyshevSeries(eqx.Module):
    """`sum_j c_j T_j(2 x - 1)` on `[0, 1]`."""

    coefficients: Float[np.ndarray, "j k"]

    def __call__(self, x: Any) -> Any:
        if isinstance(x, Tracer):
            return _clenshaw(x, jnp.asarray(self.coefficients, x.dtype))
        with float64():
            return np.asarray(_compiled(jnp.asarray(x, jnp.float64), jnp.asarray(self.coefficients)))


def _clenshaw(x: Array, c: Array) -> Array:
    t = 2.0 * x - 1.0

    def step(carry: tuple[Array, Array], c_j: Array) -> tuple[tuple[Array, Array], None]:
        b_1, b_2 = carry
        return (c_j + 2.0 * t * b_1 - b_2, b_1), None

    zero = jnp.zeros((len(x), c.shape[1]), x.dtype)
    (b_1, b_2), _ = jax.lax.scan(step, (zero, zero), c[:0:-1])
    return c[0] + t * b_1 - b_2


_compiled = jax.jit(_clenshaw)


class ChebyshevLeastSquares(AbstractFitMethod):
    """A polynomial by least squares in a basis that stays well conditioned.

    **Arguments:** `degree`: of the polynomial; fewer than the number of data.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `ValueError` for a degree that is negative or too large, or data of several columns.

    Source: Trefethen 2013.

    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> data = approximate.ScatteredData(x, np.exp(x))
    >>> approximate.fit(data, approximate.ChebyshevLeastSquares(9)).error < 1e-10
    True
    """

    degree: int = 20

    papers: ClassVar[tuple[Paper, ...]] = (_papers.APPROXIMATION_THEORY,)

    def __check_init__(self):
        check_integer("degree", self.degree, minimum=0)

    def approximate(self, problem: ScatteredData, key: Any) -> Approximation:
        if problem.x.shape[1] != 1:
            raise ValueError(f"x must have one column for a polynomial, got {problem.x.shape[1]}")
        if self.degree >= len(problem.x):
            raise ValueError(f"degree must be smaller than the number of data, {len(problem.x)}, got {self.degree}")
        basis = chebyshev.chebvander(2.0 * problem.unit(problem.x)[:, 0] - 1.0, self.degree)
        c, _, rank, _ = np.linalg.lstsq(basis, problem.y, rcond=None)
        return settled(problem, ChebyshevSeries(c), stats={"evaluations": 1, "rank": float(rank)})
