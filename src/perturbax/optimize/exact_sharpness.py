"""Sharpness from the gradients of all samples.

With all `J_i` in the rows of `J`, `J J^T / n` and `J^T J / n = H` have the same eigenvalues but zero, so that the
smaller of the two is enough.
"""

from typing import Any, ClassVar

import equinox as eqx

from ..core import Paper
from ._least_squares import LeastSquares
from ._papers import DYNAMICAL_STABILITY
from ._sharpness import AbstractSharpnessMethod, Sharpness, of_gradients


class ExactSharpness(AbstractSharpnessMethod):
    """All measures without error, from `n` gradients that are held in memory, in the precision of the model.

    **Returns:** a frozen method for `optimize.sharpness` and `optimize.SharpnessTracker`.

    Source: the definitions of Wu & Su 2023, arXiv 2305.17490.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import nn, optimize
    >>> model = nn.DiagonalLinear(jnp.ones(2), 2.0 * jnp.ones(2))
    >>> problem = optimize.LeastSquares(model, jnp.eye(2), 2.0 * jnp.ones(2))
    >>> float(optimize.sharpness(problem, optimize.ExactSharpness(), key=jax.random.key(0)).top)
    2.5
    """

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY,)

    def measure(self, problem: LeastSquares, key: Any) -> Sharpness:
        return _measure(problem)


@eqx.filter_jit
def _measure(problem: LeastSquares) -> Sharpness:
    return of_gradients(problem.gradients(), problem.loss())
