"""The sum of squares that a representation is fitted by, row by row.

With unknowns `theta` (the parameters of a representation, and the unknown coefficients) the rows are

    sqrt(w_0 v_i / n_0) R(x_i; theta)   of the equation,    sqrt(w_k / n_k) B_k(x_j; theta)   of each condition,

so that the sum of their squares is the weighted sum of mean squares. Gauss-Newton methods need the Jacobian of the
rows: each row depends on one point only, so it is one small gradient per point, mapped, and never a Jacobian of the
whole vector.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ._conditions import Sites
from ._field import Theta, field
from ._jet import jet
from ._problem import PDEProblem

Term = tuple[Callable, Any, Float[Array, " n"]]


class Points(eqx.Module):
    """Where the rows are.

    - `x`: inside of the domain, `(n, dimension)`; `weights`: of these points, with mean about 1.
    - `sites`: the points of each condition.
    """

    x: Float[Array, "n dimension"]
    weights: Float[Array, " n"]
    sites: tuple[Sites, ...]

    def terms(self, problem: PDEProblem) -> list[Term]:
        """The rows that are asked for: for each kind a function of the unknowns and a point, the points, and the scale
        of each row."""
        scale = jnp.sqrt(problem.weight * self.weights / self.x.shape[0])
        terms: list[Term] = [(lambda theta, x: equation(problem, theta, x), self.x, scale)]
        for number, (one, sites) in enumerate(zip(problem.conditions, self.sites, strict=True)):
            n = sites.x.shape[0]
            scale = jnp.broadcast_to(jnp.sqrt(one.weight / n), (n,)).astype(self.x.dtype)
            terms.append((lambda theta, site, number=number: condition(problem, theta, number, site), sites, scale))
        return terms


def equation(problem: PDEProblem, theta: Theta, x: Float[Array, " dimension"]) -> Float[Array, " r"]:
    """The residual of the equation at a point."""
    return problem.evaluate(x, jet(field(problem, theta), x, problem.indices), problem.params | theta.unknown)


def condition(problem: PDEProblem, theta: Theta, number: int, site: Sites) -> Float[Array, " r"]:
    """The residual of a condition at one of its points."""
    one, asked = problem.conditions[number], problem.condition_indices[number]
    images = one.images(site.x, problem.domain)
    jets = tuple(jet(field(problem, theta), x, indices) for x, indices in zip(images, asked, strict=True))
    return jnp.atleast_1d(one.residual(site, jets, problem.params | theta.unknown))


def rows(problem: PDEProblem, theta: Theta, points: Points) -> Float[Array, " rows"]:
    """All rows."""
    parts = [jax.vmap(lambda x, f=f: f(theta, x))(at) * scale[:, None] for f, at, scale in points.terms(problem)]
    return jnp.concatenate([part.reshape(-1) for part in parts])


def rows_and_jacobian(
    problem: PDEProblem, trained: Any, frozen: Any, points: Points
) -> tuple[Float[Array, " rows"], Float[Array, "rows parameters"]]:
    """All rows and their derivatives with respect to the flattened arrays of `trained`."""
    flat, unravel = ravel_pytree(trained)
    parts = []
    for f, at, scale in points.terms(problem):

        def one(parameters: Array, x: Any, s: Array, f: Callable = f) -> tuple[Array, Array]:
            row = s * f(eqx.combine(unravel(parameters), frozen), x)
            return row, row

        jacobian, values = jax.vmap(jax.jacrev(one, has_aux=True), (None, 0, 0))(flat, at, scale)
        parts.append((values.reshape(-1), jacobian.reshape(-1, flat.size)))
    values, jacobian = zip(*parts, strict=True)
    return jnp.concatenate(values), jnp.concatenate(jacobian)


def loss(problem: PDEProblem, trained: Any, frozen: Any, points: Points) -> Float[Array, ""]:
    """The sum of the squares of all rows."""
    return jnp.sum(jnp.square(rows(problem, eqx.combine(trained, frozen), points)))


def conditions_loss(problem: PDEProblem, theta: Theta, points: Points) -> Float[Array, ""]:
    """The sum of the squares of the rows of the conditions."""
    terms = points.terms(problem)[1:]
    parts = [jax.vmap(lambda x, f=f: f(theta, x))(at) * scale[:, None] for f, at, scale in terms]
    return sum((jnp.sum(jnp.square(part)) for part in parts), jnp.zeros(()))
