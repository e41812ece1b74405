"""The nearest-neighbour map: each point of the source goes to the closest target.

T(x) = argmin over y_i of |x - y_i|,     that is  h_i = -|y_i|^2 / 2
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._semidiscrete import AbstractSemiDiscreteMethod, Options, SemiDiscrete


class NearestNeighbour(AbstractSemiDiscreteMethod):
    """The cheapest map, which pays no heed to masses: a baseline, and the start of `MonteCarloAdam`.

    **Returns:** a frozen method for `transport.semidiscrete`.

    Source: Aurenhammer, Hoffmann & Aronov 1998 (the Voronoi diagram as the unconstrained assignment).

    >>> import jax
    >>> from perturbax import transport
    >>> problem = transport.SemiDiscrete([[0.1, 0.0], [3.0, 0.0]])
    >>> transport.semidiscrete(problem, transport.NearestNeighbour(), key=jax.random.key(0)).converged
    False
    """

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Minkowski-Type Theorems and Least-Squares Clustering",
            authors=("Franz Aurenhammer", "Friedrich Hoffmann", "Boris Aronov"),
            year=1998,
            venue="Algorithmica",
        ),
    )

    def heights(
        self, problem: SemiDiscrete, key: Any, options: Options
    ) -> tuple[Float[Array, " n"], Float[np.ndarray, " steps"], dict[str, Any]]:
        """See `transport.semidiscrete`."""
        # In the user's units: <x, y> - |y|^2 / 2, of which the part along the centre is the same for all targets.
        heights = -0.5 * np.square(problem.points).sum(1) / problem.scale
        return jnp.asarray(heights, jnp.float32), np.zeros(0), {"iterations": 0, "samples": 0}
