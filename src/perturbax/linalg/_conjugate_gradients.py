"""Conjugate gradients for Hermitian systems, one or a batch of them with a stop for each.

With `r = b - H x`, `p = r` and the Hermitian inner product `<u, v> = sum conj(u) v`,

    a = <r, r> / <p, H p>,   x <- x + a p,   r' = r - a H p,   p <- r' + (<r', r'> / <r, r>) p.

Hestenes & Stiefel 1952. After as many steps as `H` has different eigenvalues (in `b - H x_0`) the solution is exact.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import check_integer, check_number


class ConjugateGradients(eqx.Module):
    """What `conjugate_gradients` returns.

    - `x`: the solution, of the shape of `b`; `residual_norm`: `|b - H x|`, by recursion.
    - `steps`: how many were made; `applications`: of the operator, one more than steps.
    """

    x: Any
    residual_norm: Float[Array, "*batch"]
    steps: Int[Array, "*batch"]

    @property
    def applications(self) -> Int[Array, "*batch"]:
        """Number of applications of the operator."""
        return self.steps + 1


def conjugate_gradients(
    operator: Callable[[Any], Any],
    b: Any,
    *,
    x0: Any = None,
    max_steps: int,
    rtol: float | int = 0.0,
    atol: float | int = 0.0,
) -> ConjugateGradients:
    """Solve `H x = b` for a Hermitian positive semi-definite operator.

    Under `vmap` every system of the batch stops by itself. A direction with `<p, H p> <= 0`, where a singular or
    inconsistent system has nothing left to gain, stops it too, with the best `x` so far.

    **Arguments:**

    - `operator`: `H`, a linear function from an array to one of the same shape and dtype, real or complex.
    - `b`: the right side; `x0`: where to start, 0 when `None`.
    - `max_steps`: largest number of steps; `rtol`, `atol`: stop when `|r| <= max(rtol |b|, atol)`.

    **Returns:** `ConjugateGradients`.

    **Raises:** `ValueError` or `TypeError` for numbers out of range, or an operator that changes shape or dtype.

    >>> H = jnp.array([[4.0, 1.0], [1.0, 3.0]])
    >>> solution = conjugate_gradients(lambda x: H @ x, jnp.array([1.0, 2.0]), max_steps=2)
    >>> bool(jnp.allclose(H @ solution.x, jnp.array([1.0, 2.0]), atol=1e-5)), int(solution.steps)
    (True, 2)
    """
    max_steps = check_integer("max_steps", max_steps, minimum=1)
    rtol, atol = check_number("rtol", rtol, minimum=0.0), check_number("atol", atol, minimum=0.0)
    b = jnp.asarray(b)
    x = jnp.zeros_like(b) if x0 is None else jnp.asarray(x0, b.dtype)
    if x.shape != b.shape:
        raise ValueError(f"x0 must have the shape of b, {b.shape}, got {x.shape}")
    made = jax.eval_shape(operator, b)
    if (made.shape, made.dtype) != (b.shape, b.dtype):
        raise ValueError(
            f"operator must keep shape and dtype, it made {made.dtype}{list(made.shape)} of {b.dtype}{list(b.shape)}"
        )
    goal = jnp.maximum(rtol * jnp.sqrt(_square(b)), atol)
    r = b - operator(x)
    square = _square(r)

    def unfinished(carry: Any) -> Any:
        k, _, _, _, square, alive = carry
        return (k < max_steps) & (jnp.sqrt(square) > goal) & alive

    def step(carry: Any) -> Any:
        k, x, r, p, square, _ = carry
        image = operator(p)
        curvature = jnp.sum(jnp.conj(p) * image).real
        alive = curvature > 0.0
        a = jnp.where(alive, square / jnp.where(alive, curvature, 1.0), 0.0).astype(square.dtype)
        x, r = x + a * p, r - a * image
        new = _square(r)
        p = r + jnp.where(square > 0.0, new / jnp.where(square > 0.0, square, 1.0), 0.0) * p
        return k + alive.astype(k.dtype), x, r, p, new, alive

    start = (jnp.zeros((), jnp.int32), x, r, r, square, square > 0.0)
    steps, x, _, _, square, _ = jax.lax.while_loop(unfinished, step, start)
    return ConjugateGradients(x, jnp.sqrt(square), steps)


def _square(r: Array) -> Array:
    return jnp.sum(jnp.real(jnp.conj(r) * r))
