r"""The largest posterior by gradients through the forward model, from several starts.

    theta* = argmax  score(F(theta), y) / temperature + log prior(theta)

by BFGS with backtracking (Optimistix), in units of the prior's box. A step to where the prior is zero or the model not
finite is taken back.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jaxtyping import Array

from ..core import Paper, check_integer, check_number
from ._inverse_problem import InverseProblem
from ._invert import AbstractInversionMethod, Estimate, Found, from_box, point, to_box
from ._papers import LIPKOVA


class GradientMAP(AbstractInversionMethod):
    """Maximum a posteriori by the adjoint of the forward model. With `start`, starts are its best samples.

    **Arguments:** `starts`: searches at once; `steps`: largest number of simulations of a search; `tolerance`: relative
    and absolute, of parameters in widths of the box and of the logarithm of the posterior.

    **Returns:** a frozen method for `optimize.invert`. A simulation with its adjoint counts as one evaluation.

    **Raises:** `TypeError`, `ValueError` for arguments out of range, and for a similarity without gradients such as
    `Dice`.

    Source: the posterior of Lipkova et al. 2019, arXiv 1807.00499, which samples it.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([-3.0, -3.0], [3.0, 3.0])
    >>> problem = optimize.InverseProblem(jnp.sinh, jnp.array([1.0, -2.0]), prior, optimize.SquaredError())
    >>> found = optimize.invert(problem, optimize.GradientMAP(starts=2), key=jax.random.key(0))
    >>> bool(abs(jnp.sinh(found.parameters) - jnp.array([1.0, -2.0])).max() < 1e-2)
    True
    """

    starts: int = 4
    steps: int = 50
    tolerance: float | int = 1e-4

    papers: ClassVar[tuple[Paper, ...]] = (LIPKOVA,)
    continues: ClassVar[bool] = True

    def __check_init__(self):
        check_integer("starts", self.starts, minimum=1)
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        if not problem.similarity.differentiable:
            name = type(problem.similarity).__name__
            raise ValueError(f"problem.similarity must have gradients, {name} has none: take Bernoulli or SquaredError")
        if start is None:
            first = problem.prior.sample(key, self.starts)
        else:
            first = start.samples[np.argsort(-start.weights, kind="stable")[: self.starts]]
        places, values, steps = _descend(problem, jnp.asarray(first), float(self.tolerance), self.steps)
        best = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
        report = {"log_posterior": -np.asarray(values)}
        return Found(**point(np.asarray(places)[best]), evaluations=int(np.sum(steps)), report=report)


@eqx.filter_jit
def _descend(problem: InverseProblem, first: Array, tolerance: Any, steps: int) -> Any:
    solver = optimistix.BFGS(rtol=tolerance, atol=tolerance)

    def one(place: Array) -> Any:
        run = optimistix.minimise(_negative, solver, place, args=problem, max_steps=steps, throw=False)
        return from_box(problem, run.value), _negative(run.value, problem), run.stats["num_steps"] + 1

    return jax.vmap(one)(to_box(problem, first))


def _negative(place: Array, problem: InverseProblem) -> Array:
    return -problem.log_posterior(from_box(problem, place))
