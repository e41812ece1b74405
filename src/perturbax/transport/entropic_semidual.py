"""Semi-discrete optimal transport with entropic regularisation, by ott-jax.

Genevay, Cuturi, Peyre & Bach 2016: the potential is smoothed, `max -> eps logsumexp(. / eps)`, and the semi-dual is
minimised; here on a sample of the source, as a discrete problem that Sinkhorn's algorithm solves. The target's
potential `g` gives heights `h_i = g_i - |y_i|^2 / 2` for the hard map.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._semidiscrete import AbstractSemiDiscreteMethod, Options, SemiDiscrete


class EntropicSemidual(AbstractSemiDiscreteMethod):
    """Sinkhorn's potential on a sample of the source, used in the hard map: a baseline, biased by `epsilon`.

    **Arguments:** `epsilon`: regularisation, as a share of the mean cost; `samples`: points of the source, 20 for each
    target when `None`; `max_iterations`: of Sinkhorn's algorithm.

    **Returns:** a frozen method for `transport.semidiscrete`.

    **Raises:** `ValueError` when one is out of range; when used, `ModuleNotFoundError` without ott-jax
    (`pip install perturbax[transport]`).

    Source: Genevay et al. 2016; solved by ott-jax.

    >>> from perturbax import transport
    >>> transport.EntropicSemidual(epsilon=0.05).max_iterations
    2000
    """

    epsilon: float = 0.01
    samples: int | None = None
    max_iterations: int = 2000

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Stochastic Optimization for Large-scale Optimal Transport",
            authors=("Aude Genevay", "Marco Cuturi", "Gabriel Peyré", "Francis Bach"),
            year=2016,
            arxiv="1605.08527",
            venue="Advances in Neural Information Processing Systems",
        ),
    )

    def __check_init__(self):
        check_number("epsilon", self.epsilon, minimum=0.0, exclusive=True)
        check_integer("max_iterations", self.max_iterations, minimum=1)
        if self.samples is not None:
            check_integer("samples", self.samples, minimum=1)

    def heights(
        self, problem: SemiDiscrete, key: Any, options: Options
    ) -> tuple[Float[Array, " n"], Float[np.ndarray, " steps"], dict[str, Any]]:
        """See `transport.semidiscrete`."""
        try:
            from ott.geometry import pointcloud
            from ott.problems.linear import linear_problem
            from ott.solvers.linear import sinkhorn
        except ModuleNotFoundError:
            raise ModuleNotFoundError("EntropicSemidual needs ott-jax: pip install 'perturbax[transport]'") from None
        n, d = problem.points.shape
        x = jax.random.normal(key, (20 * n if self.samples is None else self.samples, d))
        points = problem.unit_points
        geometry = pointcloud.PointCloud(x, points, epsilon=self.epsilon, relative_epsilon="mean")
        # ott-jax has the cost |x - y|^2, twice ours.
        out = sinkhorn.Sinkhorn(max_iterations=self.max_iterations)(
            linear_problem.LinearProblem(geometry, b=jnp.asarray(problem.weights, jnp.float32))
        )
        heights = 0.5 * (out.g - jnp.square(points).sum(1))
        return heights, np.zeros(0), {"iterations": int(out.n_iters), "samples": x.shape[0]}
