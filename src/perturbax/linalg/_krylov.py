"""The two loops that the methods share: conjugate gradients, and conjugate directions of any proposals.

Both are compiled once for each operator, size and form of proposal; tolerances and entries are no part of the program.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core import Result
from ._problem import SettledSystem


class Outcome(eqx.Module):
    """What a method hands to the verb."""

    x: Array
    residual_norms: Float[Array, " steps"]
    iterations: Int[Array, ""]
    result: Any
    stats: dict[str, Any]


def identity(r: Array) -> Array:
    """The proposal of plain conjugate gradients."""
    return r


def conjugate_gradients(
    system: SettledSystem, inverse: Callable[[Array], Array], tol: Any, max_steps: int, history: bool = True
) -> Outcome:
    """Preconditioned conjugate gradients with a residual history, or with its first and last entry only.

    With `z = M^-1 r` and `p = z`:

        a = (r.z) / (p.A p),  x <- x + a p,  r' = r - a A p,  z' = M^-1 r',  p <- z' + (r'.z') / (r.z) p
    """
    return _conjugate_gradients(system, inverse, jnp.asarray(tol, system.b.dtype), max_steps, history)


@eqx.filter_jit
def _conjugate_gradients(system: SettledSystem, inverse: Any, tol: Array, max_steps: int, history: bool) -> Outcome:
    r, goal, x = begin(system, tol)
    z = system.project(inverse(r))
    norm = _norm(r)
    last = max_steps if history else 1
    norms = _history(last, norm)

    def unfinished(carry: Any) -> Any:
        k, _, _, _, _, _, alive, norm = carry
        return (k < max_steps) & (norm > goal) & alive

    def step(carry: Any) -> Any:
        k, x, r, p, rho, norms, _, _ = carry
        image = system.operator(p)
        curvature = _dot(p, image)
        alive = (curvature > 0.0) & (rho > 0.0) & jnp.isfinite(curvature) & jnp.isfinite(rho)
        a = jnp.where(alive, rho / jnp.where(alive, curvature, 1.0), 0.0)
        x, r = x + a * p, r - a * image
        z = system.project(inverse(r))
        new = _dot(r, z)
        p = z + jnp.where(alive, new / jnp.where(alive, rho, 1.0), 0.0) * p
        norm = _norm(r)
        norms = norms.at[jnp.minimum(k + 1, last)].set(norm)
        return k + alive.astype(k.dtype), x, r, p, new, norms, alive, norm

    start = (jnp.zeros((), jnp.int32), x, r, z, _dot(r, z), norms, jnp.array(True), norm)
    k, x, _, _, _, norms, alive, norm = jax.lax.while_loop(unfinished, step, start)
    true = _norm(system.b - system.operator(x))
    # Each step takes one of both, also the one that ends without curvature.
    made = k + 1 - alive.astype(k.dtype)
    return Outcome(x, norms, k, outcome(norm, true, goal, alive), {"evaluations": made + 2, "proposals": made + 1})


def conjugate_directions(
    system: SettledSystem,
    propose: Callable[[Array], Array],
    tol: Any,
    max_steps: int,
    *,
    memory: int,
    refresh: int,
    sufficient_decrease: float,
) -> Outcome:
    """Descent along proposals that are made conjugate to the last `memory` directions.

    For a residual `r` with proposal `q`,

        q <- q - sum_j (q.A d_j) / (d_j.A d_j) d_j, twice,    a = (r.q) / (q.A q),    x <- x + a q

    which lowers the square of the error's A-norm by `(r.q)^2 / (q.A q)`. Where that is less than `sufficient_decrease`
    times what steepest descent gains, `(r.r)^2 / (r.A r)`, or is no number, `r` takes the place of the proposal and a
    fallback is counted. So with `sufficient_decrease = c > 0` that square falls at every step at least by the factor
    `1 - 4 c k / (k + 1)^2` with the condition number `k` of `A` (the inequality of Kantorovich), whatever is proposed.
    """
    tol = jnp.asarray(tol, system.b.dtype)
    return _conjugate_directions(system, propose, tol, max_steps, memory, refresh, sufficient_decrease)


@eqx.filter_jit
def _conjugate_directions(
    system: SettledSystem, propose: Any, tol: Array, max_steps: int, memory: int, refresh: int, c: float
) -> Outcome:
    r, goal, x = begin(system, tol)
    shape, dtype, slots = x.shape, x.dtype, max(memory, 1)
    norm = _norm(r)
    norms = _history(max_steps, norm)

    def conjugate(q: Array, directions: Array, images: Array, curvatures: Array) -> Array:
        if memory == 0:
            return q
        for _ in range(2):
            along = jnp.where(curvatures > 0.0, jnp.tensordot(images, q, q.ndim) / _positive(curvatures), 0.0)
            q = q - jnp.tensordot(along, directions, 1)
        return q

    def unfinished(carry: Any) -> Any:
        k, _, _, _, _, alive, norm = carry
        return (k < max_steps) & (norm > goal) & alive

    def step(carry: Any) -> Any:
        k, x, r, (directions, images, curvatures), (norms, fallbacks), _, _ = carry

        def tried(q: Array) -> tuple[Array, Array, Array, Array]:
            q = conjugate(q, directions, images, curvatures)
            image = system.operator(q)
            return q, image, _dot(q, image), _dot(r, q)

        first = tried(system.project(propose(r)))
        _, _, curvature, along = first
        # Written so that a proposal with NaN is refused too.
        good = (curvature > 0.0) & (along != 0.0) & jnp.isfinite(along) & jnp.isfinite(curvature)
        if c > 0.0:
            good &= along**2 * _dot(r, system.operator(r)) >= c * _dot(r, r) ** 2 * curvature
        q, image, curvature, along = jax.lax.cond(good, lambda: first, lambda: tried(r))
        alive = (curvature > 0.0) & jnp.isfinite(curvature) & jnp.isfinite(along)
        a = jnp.where(alive, along / _positive(curvature), 0.0)
        x = jnp.where(alive, x + a * q, x)
        recurred = jnp.where(alive, r - a * image, r)
        k = k + alive.astype(k.dtype)
        r = jax.lax.cond(k % refresh == 0, lambda: system.project(system.b - system.operator(x)), lambda: recurred)
        at = (k - 1) % slots
        stored = (directions.at[at].set(q), images.at[at].set(image), curvatures.at[at].set(curvature))
        norm = _norm(r)
        fallbacks = fallbacks + (alive & ~good).astype(fallbacks.dtype)
        return k, x, r, stored, (norms.at[k].set(norm), fallbacks), alive, norm

    zero = jnp.zeros((), jnp.int32)
    empty = (jnp.zeros((slots, *shape), dtype), jnp.zeros((slots, *shape), dtype), jnp.zeros(slots, dtype))
    start = (zero, x, r, empty, (norms, zero), jnp.array(True), norm)
    k, x, _, _, (norms, fallbacks), alive, norm = jax.lax.while_loop(unfinished, step, start)
    true = _norm(system.b - system.operator(x))
    each = 2 if c > 0.0 else 1
    # A step that ends without curvature has tried the proposal and the residual, and may refresh.
    dead = jnp.where(alive, 0, each + 1 + (k % refresh == 0))
    stats = {
        "evaluations": 2 + each * k + k // refresh + fallbacks + dead,
        "proposals": k + 1 - alive.astype(k.dtype),
        "fallbacks": fallbacks,
    }
    return Outcome(x, norms, k, outcome(norm, true, goal, alive), stats)


def begin(system: SettledSystem, tol: Array) -> tuple[Array, Array, Array]:
    """The first residual, the norm to reach, and the start: 0 where `b = 0`, whose solution that is."""
    size = _norm(system.b)
    x = jnp.where(size > 0.0, system.x0, 0.0)
    return system.project(system.b - system.operator(x)), tol * size, x


def outcome(norm: Array, true: Array, goal: Array, alive: Bool[Array, ""]) -> Any:
    """How it went. The residual by recursion may fall while the true one does not: that is told, not hidden."""
    # A true residual within ten times the goal is taken for the rounding of the recursion.
    met = Result.where(true <= 10.0 * goal, Result.successful, Result.stagnated)
    ended = Result.where(norm <= goal, met, Result.max_steps)
    ended = Result.where(alive | (norm <= goal), ended, Result.not_positive_definite)
    return Result.where(jnp.isfinite(norm) & jnp.isfinite(true), ended, Result.nonfinite)


def _history(max_steps: int, first: Array) -> Array:
    return jnp.full(max_steps + 1, jnp.nan, first.dtype).at[0].set(first)


def _positive(value: Array) -> Array:
    return jnp.where(value > 0.0, value, 1.0)


def _dot(u: Array, v: Array) -> Array:
    return jnp.sum(u * v)


def _norm(r: Array) -> Array:
    return jnp.sqrt(_dot(r, r))
