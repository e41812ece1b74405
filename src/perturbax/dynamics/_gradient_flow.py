"""Integration of the flows of this package by Diffrax, compiled once for all problems of one size."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Result, check_integer, check_number

# Entries that decay to zero are followed down to this part of the relative tolerance.
_ABSOLUTE = 1e-4


def check_flow(method: Any) -> None:
    """The fields that all flows have. Raises `TypeError`, `ValueError`."""
    check_number("end", method.end, minimum=0.0, exclusive=True)
    check_integer("points", method.points, minimum=2)
    check_number("rtol", method.rtol, minimum=0.0, maximum=1.0, exclusive=True)
    check_integer("max_steps", method.max_steps, minimum=1)


@eqx.filter_jit
def integrate(
    velocity: eqx.Module, start: Any, end: Float[Array, ""], rtol: Float[Array, ""], points: int, max_steps: int
) -> tuple[Any, Result, Int[Array, ""]]:
    """The states at equally spaced times, how it went, and how many evaluations of `velocity(state)` it took.

    `velocity` is a module whose arrays state the problem, so that another problem of the same size compiles nothing.
    Every kept time is the end of a step, so that no value is interpolated. The unit of time is the distance of two kept
    times, because Diffrax checks traced times by a call of the host, and a program that has one is kept in no cache.
    """
    length = end / (points - 1)

    def advance(state: Any, _: Any) -> tuple[Any, Any]:
        solved = diffrax.diffeqsolve(
            diffrax.ODETerm(_along),
            diffrax.Tsit5(),
            0.0,
            1.0,
            None,
            state,
            args=(velocity, length),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=_ABSOLUTE * rtol),
            max_steps=max_steps,
            throw=False,
        )
        new = jax.tree.map(lambda leaf: leaf[0], solved.ys)
        return new, (new, solved.result == diffrax.RESULTS.successful, solved.stats["num_steps"])

    _, (path, good, steps) = jax.lax.scan(advance, start, length=points - 1)
    path = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start, path)
    finite = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(path)]))
    result = Result.where(good.all(), Result.successful, Result.max_steps)
    # The last stage of Tsitouras' method is the first of the next step; the choice of the first step takes two.
    return path, Result.where(finite, result, Result.nonfinite), 6 * jnp.sum(steps) + 3 * (points - 1)


def _along(t: Any, state: Any, args: Any) -> Any:
    velocity, length = args
    return jax.tree.map(lambda rate: length * rate, velocity(state))
