"""Projected gradient descent on a box: the plain attack that finds counterexamples where there are many."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core import check_integer, check_number


def projected_gradient(
    objective: Callable[[Array], Array],
    x: Float[Array, "..."],
    lower: Float[Array, "..."],
    upper: Float[Array, "..."],
    *,
    steps: int = 40,
    step_size: float = 0.25,
) -> tuple[Float[Array, "..."], Float[Array, ""]]:
    """Descend on an objective inside of a box by the signs of its gradient.

        x <- clip(x - s_k (upper - lower) sign(grad objective(x)), lower, upper),    s_k = step_size (1 - k / steps)

    Pure; `vmap` over `x` makes several starts.

    **Arguments:**

    - `objective`: of `x`, a number; smaller is what is looked for.
    - `x`: where to start; `lower`, `upper`: the box, of the same shape.
    - `steps`: how many; `step_size`: of the first, as a part of the width of the box.

    **Returns:** the best point that was met, and its value.

    **Raises:** `TypeError`, `ValueError` for numbers out of range.

    Source: Madry et al. 2018, *Towards Deep Learning Models Resistant to Adversarial Attacks*, arXiv 1706.06083.

    >>> x, value = projected_gradient(lambda x: jnp.sum((x - 2.0) ** 2), jnp.zeros(2), -jnp.ones(2), jnp.ones(2))
    >>> x.tolist(), float(value)
    ([1.0, 1.0], 2.0)
    """
    check_integer("steps", steps, minimum=1)
    check_number("step_size", step_size, minimum=0.0, exclusive=True)
    value_and_gradient = jax.value_and_grad(objective)

    def step(carry: Any, k: Any) -> Any:
        x, best, best_value = carry
        value, gradient = value_and_gradient(x)
        better = value < best_value
        best, best_value = jnp.where(better, x, best), jnp.where(better, value, best_value)
        move = step_size * (1.0 - k / steps) * (upper - lower) * jnp.sign(gradient)
        return (jnp.clip(x - move, lower, upper), best, best_value), None

    start = (x, x, jnp.asarray(jnp.inf, x.dtype))
    (x, best, best_value), _ = lax.scan(step, start, jnp.arange(steps))
    value = objective(x)
    return jnp.where(value < best_value, x, best), jnp.minimum(value, best_value)
