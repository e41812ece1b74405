"""How good a solution is: its error where the exact one is known, and what it leaves of the equation and conditions."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, check_integer, precision, settle_arrays
from ._design import SOBOL, AbstractDesign
from ._jet import jet
from ._problem import PDEProblem
from ._solve import PDESolution, residual_at


class SolutionError(eqx.Module):
    """What `solution_error` returns.

    - `relative_l2`, `relative_max`: of `u - exact`, over the same norm of `exact`; NaN when it is not known.
    - `residual_rms`: root mean square of the residual of the equation inside.
    - `condition_rms`: the same of each condition. A small residual with large ones of the conditions is the sign of a
      trivial solution.
    """

    relative_l2: float
    relative_max: float
    residual_rms: float
    condition_rms: tuple[float, ...]


def solution_error(
    solution: PDESolution, n: int = 10_000, *, design: AbstractDesign = SOBOL, key: Any = None
) -> SolutionError:
    """The error of a solution at new points.

    **Arguments:** `solution`: of `pde.solve`; `n`: number of points inside and for each condition; `design`: how they
    lie; `key`: for the points, `jax.random.key(0)` by default.

    **Returns:** a `SolutionError`.

    **Raises:** `TypeError`, `ValueError` for other arguments.

    >>> from perturbax import pde
    >>> problem = pde.catalogue.helmholtz()
    >>> method = pde.PINN(hidden=(8,), optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> error = pde.solution_error(pde.solve(problem, method, key=jax.random.key(0)), 100)
    >>> len(error.condition_rms)
    1
    """
    check_instance("solution", solution, PDESolution, "what pde.solve returned")
    check_integer("n", n, minimum=1)
    key = jax.random.key(0) if key is None else key
    with precision(solution.precision):
        problem, model, unknown = settle_arrays((solution.problem, solution.model, solution.unknown))
        x = problem.domain.sample(key, n, design)
        l2 = largest = np.nan
        if problem.exact is not None:
            exact, found = np.asarray(problem.exact_at(x)), np.asarray(_values(model, x))
            l2 = relative_l2(found, exact)
            largest = float(np.abs(found - exact).max() / np.abs(exact).max())
        # The coefficients that were found take the places of those it started from.
        problem = eqx.tree_at(lambda p: p.unknown, problem, unknown) if unknown else problem
        residual = np.asarray(residual_at(model, problem, x))
        conditions = []
        for k, one in enumerate(problem.conditions):
            sites = one.place(problem.domain, jax.random.fold_in(key, k), n, design)
            conditions.append(_rms(np.asarray(_condition(model, problem, k, sites))))
    return SolutionError(l2, largest, _rms(residual), tuple(conditions))


def relative_l2(found: np.ndarray, exact: np.ndarray) -> float:
    """The norm of the difference over that of the exact values; over 1 where they vanish."""
    return float(np.linalg.norm(found - exact) / (np.linalg.norm(exact) or 1.0))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@eqx.filter_jit
def _values(model: Any, x: Any) -> Any:
    return jax.lax.map(model, x, batch_size=8192)


@eqx.filter_jit
def _condition(model: Any, problem: PDEProblem, number: int, sites: Any) -> Any:
    one, asked = problem.conditions[number], problem.condition_indices[number]

    def at(site: Any) -> Any:
        images = one.images(site.x, problem.domain)
        jets = tuple(jet(model, x, indices) for x, indices in zip(images, asked, strict=True))
        return jnp.atleast_1d(one.residual(site, jets, problem.coefficients))

    return jax.vmap(at)(sites)
