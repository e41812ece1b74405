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

    - `x`: the solution, like `b`; `residual_norm`: `|b - H x|`, by recursion.
    - `steps`: how many were made; `applications`: of the operator, which are the steps, one for the residual of a start
      that is given, and one for a direction without curvature.
    """

    x: Any
    residual_norm: Float[Array, "*batch"]
    steps: Int[Array, "*batch"]
    applications: Int[Array, "*batch"]


def conjugate_gradients(
    operator: Callable[[Any], Any],
    b: Any,
    *,
    x0: Any = None,
    max_steps: int,
    rtol: float | int | Float[Array, ""] = 0.0,
    atol: float | int | Float[Array, ""] = 0.0,
) -> ConjugateGradients:
    """Solve `H x = b` for a Hermitian positive semi-definite operator.

    Under `vmap` every system of the batch stops by itself. A direction with `<p, H p> <= 0`, where a singular or
    inconsistent system has nothing left to gain, stops it too, with the best `x` so far.

    **Arguments:**

    - `operator`: `H`, a linear function from an array, real or complex, or a pytree of them, to one of the same
      structure, shapes and dtypes.
    - `b`: the right side; `x0`: where to start, 0 when `None`.
    - `max_steps`: largest number of steps; `rtol`, `atol`: stop when `|r| <= max(rtol |b|, atol)`.

    **Returns:** `ConjugateGradients`.

    **Raises:** `ValueError` or `TypeError` for numbers out of range, a start that is not like `b`, or an operator that
    changes structure, shape or dtype.

    >>> H = jnp.array([[4.0, 1.0], [1.0, 3.0]])
    >>> solution = conjugate_gradients(lambda x: H @ x, jnp.array([1.0, 2.0]), max_steps=2)
    >>> bool(jnp.allclose(H @ solution.x, jnp.array([1.0, 2.0]), atol=1e-5)), int(solution.steps)
    (True, 2)
    """
    max_steps = check_integer("max_steps", max_steps, minimum=1)
    rtol, atol = check_number("rtol", rtol, minimum=0.0), check_number("atol", atol, minimum=0.0)
    b = jax.tree.map(jnp.asarray, b)
    _check_operator(operator, b)
    if x0 is None:
        x, r, spent = jax.tree.map(jnp.zeros_like, b), b, 0
    else:
        x = _settle_start(x0, b)
        r, spent = jax.tree.map(jnp.subtract, b, operator(x)), 1
    goal = jnp.maximum(rtol * jnp.sqrt(_square(b)), atol)
    square = _square(r)

    def unfinished(carry: Any) -> Any:
        k, _, _, _, square, alive = carry
        return (k < max_steps) & (jnp.sqrt(square) > goal) & alive

    def step(carry: Any) -> Any:
        k, x, r, p, square, _ = carry
        image = operator(p)
        curvature = _inner(p, image)
        alive = curvature > 0.0
        a = jnp.where(alive, square / jnp.where(alive, curvature, 1.0), 0.0)
        x, r = _add(x, a, p), _add(r, -a, image)
        new = _square(r)
        p = _add(r, new / jnp.where(square > 0.0, square, 1.0), p)
        return k + alive.astype(k.dtype), x, r, p, new, alive

    start = (jnp.zeros((), jnp.int32), x, r, r, square, jnp.ones((), bool))
    steps, x, _, _, square, alive = jax.lax.while_loop(unfinished, step, start)
    return ConjugateGradients(x, jnp.sqrt(square), steps, steps + spent + (1 - alive.astype(steps.dtype)))


def _check_operator(operator: Callable[[Any], Any], b: Any) -> None:
    made, wanted = jax.eval_shape(operator, b), jax.eval_shape(lambda b: b, b)
    if jax.tree.structure(made) != jax.tree.structure(wanted):
        raise ValueError(f"operator must keep the structure {jax.tree.structure(wanted)}, got that of {made}")
    for one, other in zip(jax.tree.leaves(made), jax.tree.leaves(wanted), strict=True):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            raise ValueError(
                f"operator must keep shape and dtype, it made {one.dtype}{list(one.shape)} of "
                f"{other.dtype}{list(other.shape)}"
            )


def _settle_start(x0: Any, b: Any) -> Any:
    if jax.tree.structure(x0) != jax.tree.structure(b):
        raise ValueError(f"x0 must have the structure of b, {jax.tree.structure(b)}, got {jax.tree.structure(x0)}")

    def settle(x: Any, b: Array) -> Array:
        x = jnp.asarray(x)
        if x.shape != b.shape:
            raise ValueError(f"x0 must have the shape of b, {b.shape}, got {x.shape}")
        if jnp.iscomplexobj(x) and not jnp.iscomplexobj(b):
            raise TypeError(f"x0 is complex and b is real, of dtype {b.dtype}")
        return x.astype(b.dtype)

    return jax.tree.map(settle, x0, b)


def _add(x: Any, a: Array, y: Any) -> Any:
    """`x + a y` for a real number `a`."""
    return jax.tree.map(lambda x, y: x + a.astype(jnp.finfo(x.dtype).dtype) * y, x, y)


def _inner(u: Any, v: Any) -> Float[Array, ""]:
    """The real part of the Hermitian inner product, which for `<p, H p>` is all of it."""
    return jax.tree.reduce(jnp.add, jax.tree.map(lambda u, v: jnp.sum(jnp.real(jnp.conj(u) * v)), u, v))


def _square(r: Any) -> Float[Array, ""]:
    return _inner(r, r)
