"""What adaptive samplers share: a pool of candidates, a set of points that grows, and numbers for the history."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Method
from ._design import UNIFORM
from ._least_squares import Points
from ._problem import PDEProblem
from ._sampler import AbstractSampler, Residual, draw


class AbstractAdaptiveSampler(AbstractSampler, Method):
    """A sampler that looks at the residual. It is published, so that it can be cited as a method can."""

    def report(self, state: Any) -> dict[str, float]:
        return {name: float(value) for name, value in state.numbers.items()}

    def evaluations(self, state: Any) -> int:
        return int(state.evaluations)


class Progress(eqx.Module):
    """The state of a sampler without a density.

    - `count`: how many of the points have a weight; `evaluations`: residuals that the updates evaluated.
    - `numbers`: for the history.
    """

    count: Int[Array, ""]
    evaluations: Int[Array, ""]
    numbers: dict[str, Any]


class Candidates(eqx.Module):
    """Uniform points and the squares of the residual there, summed over the equations."""

    x: Float[Array, "n dimension"]
    square: Float[Array, " n"]


def candidates(problem: PDEProblem, residual: Residual, n: int, key: Any) -> Candidates:
    """A pool of uniform points. Residuals that are not finite count as 0."""
    x = problem.domain.sample(key, n, UNIFORM)
    return Candidates(x, squares(residual, x))


@eqx.filter_jit
def squares(residual: Residual, x: Any) -> Any:
    """The squared residual, 0 where it is not finite."""
    square = jnp.sum(jnp.square(residual(x)), -1)
    return jnp.where(jnp.isfinite(square), square, 0.0)


def spread(square: Float[Array, " n"]) -> dict[str, Any]:
    """The mean of the squared residual, and its variance over the square of the mean: how uneven it is."""
    mean = jnp.mean(square)
    variance = jnp.var(square) / jnp.maximum(jnp.square(mean), jnp.finfo(square.dtype).tiny)
    return {"residual_mean": mean, "residual_variance": variance}


def unknown_spread() -> dict[str, Any]:
    """`spread` before the first update."""
    return {"residual_mean": jnp.nan, "residual_variance": jnp.nan}


def begin(problem: PDEProblem, key: Any, initial: int, capacity: int, boundary: int) -> tuple[Points, Any]:
    """Uniform points of which the first `initial` have a weight, and how many have one.

    The arrays have room for all that will come: with other shapes everything would compile again.
    """
    points = draw(problem, key, capacity, boundary, UNIFORM)
    count = jnp.asarray(initial)
    return eqx.tree_at(lambda p: p.weights, points, _weights(count, points)), count


def grow(points: Points, count: Any, x: Float[Array, "k dimension"]) -> tuple[Points, Any]:
    """The points with `x` added, as far as there is room, and how many they are."""
    k, capacity = x.shape[0], points.x.shape[0]
    new = points.x.at[count + jnp.arange(k)].set(x, mode="drop")
    count = jnp.minimum(count + k, capacity)
    return Points(new, _weights(count, points), points.sites), count


def _weights(count: Any, points: Points) -> Any:
    """Equal ones of the first points, with mean 1 over all."""
    capacity = points.x.shape[0]
    return jnp.where(jnp.arange(capacity) < count, capacity / count, 0.0).astype(points.x.dtype)


@eqx.filter_jit
def largest(pool: Candidates, k: int) -> Any:
    """The candidates with the largest residuals."""
    return pool.x[jax.lax.top_k(pool.square, k)[1]]
