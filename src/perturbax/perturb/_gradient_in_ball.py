"""Projected gradient descent in a Euclidean ball: the attack on smoothed classifiers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core import check_integer, check_key, check_number


def gradient_in_ball(
    objective: Callable[[Array, Any], Array],
    x: Float[Array, "..."],
    radius: Any,
    *,
    key: Any,
    steps: int = 20,
    step_size: float = 0.25,
) -> Float[Array, "..."]:
    """Descend on an objective by steps of one length that stay in a ball.

        x_k+1 = P(x_k - step_size radius g / |g|),    g = grad objective(x_k, key_k),    P onto |x - x_0| <= radius

    An objective that draws from its key is descended in expectation (expectation over transformations). Pure; `vmap`
    over `x`, `radius` and `key` attacks many points.

    **Arguments:**

    - `objective`: of a point and a key, a number; smaller is what is looked for.
    - `x`: the centre, where it starts; `radius`: of the ball.
    - `key`: of the objective; `steps`: how many; `step_size`: as a part of the radius.

    **Returns:** the last point, in the ball.

    **Raises:** `TypeError`, `ValueError` for numbers out of range.

    Source: Madry et al. 2018, arXiv 1706.06083; on smoothed classifiers Salman et al. 2019, arXiv 1906.04584.

    >>> x = gradient_in_ball(lambda x, key: jnp.sum((x - 2.0) ** 2), jnp.zeros(2), 1.0, key=jax.random.key(0))
    >>> bool(jnp.allclose(x, 0.5**0.5))
    True
    """
    check_key("key", key)
    check_integer("steps", steps, minimum=1)
    check_number("step_size", step_size, minimum=0.0, exclusive=True)
    radius = check_number("radius", radius, minimum=0.0)
    gradient = jax.grad(objective)

    def step(moved: Array, key: Any) -> tuple[Array, None]:
        moved = moved - step_size * radius * _unit(gradient(x + moved, key))
        return _unit(moved) * jnp.minimum(_norm(moved), radius), None

    moved, _ = lax.scan(step, jnp.zeros_like(x), jax.random.split(key, steps))
    return x + moved


def _norm(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(x)))


def _unit(x: Array) -> Array:
    # Nothing moves where the gradient vanishes.
    return x / jnp.maximum(_norm(x), jnp.finfo(x.dtype).tiny)
