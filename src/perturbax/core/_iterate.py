"""`iterate`: the one fixed-point loop, with a stopping rule, a limit and, when wanted, a history."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ._check import check_integer, check_number
from ._solution import Result, raise_if_failed
from ._training import all_finite


class Iteration(eqx.Module):
    """What `iterate` returns.

    - `state`: the last one; when a step gave NaN or infinity, the last finite one.
    - `steps`: how many were made to reach it.
    - `history`: what `history` gave for the first state and after each step, on an axis of `max_steps + 1`; after
      `steps + 1` entries NaN (0 for integers, `False` for booleans). `None` without `history`.
    - `result`: successful, max_steps or nonfinite.
    """

    state: Any
    steps: Int[Array, "*batch"]
    history: Any
    result: Any


def iterate(
    step: Callable[[Any], Any],
    state: Any,
    *,
    done: Callable[[Any, Any], Any],
    max_steps: int,
    history: Callable[[Any], Any] | None = None,
    throw: bool = True,
) -> Iteration:
    r"""Repeat $x \leftarrow f(x)$ until a rule holds. Works under `jit` and `vmap`; forward-mode differentiable.

    **Arguments:**

    - `step`: $f$, from state to state: a pytree whose arrays keep their shapes and dtypes.
    - `state`: the first state.
    - `done`: `done(previous, state)`, a scalar boolean, asked after each step; see `settled`.
    - `max_steps`: the largest number of steps.
    - `history`: `history(state)`, arrays to keep of each state.
    - `throw`: raise when the rule was not met; under `jit` nothing is raised and `result` says how it went.

    **Returns:** an `Iteration`.

    **Raises:** `SolverError` when `max_steps` are made or a state is not finite; `TypeError`, `ValueError` for bad
    arguments.

    >>> root = iterate(lambda x: (x + 2.0 / x) / 2.0, jnp.array(1.0), done=settled(rtol=1e-6), max_steps=20)
    >>> round(float(root.state), 5), int(root.steps)
    (1.41421, 5)
    """
    max_steps = check_integer("max_steps", max_steps, minimum=1)
    for name, function in (("step", step), ("done", done), ("history", history)):
        if not callable(function) and not (name == "history" and function is None):
            raise TypeError(f"{name} must be callable, got {type(function).__name__}")
    arrays, static = eqx.partition(jax.tree.map(_as_array, state), eqx.is_array)
    wanted = jax.tree.map(jax.typeof, arrays)
    got = jax.eval_shape(lambda arrays: eqx.filter(step(eqx.combine(arrays, static)), eqx.is_array), arrays)
    _check_same(wanted, got)

    def record(arrays: Any) -> Any:
        return None if history is None else jax.tree.map(jnp.asarray, history(eqx.combine(arrays, static)))

    def unfinished(carry: Any) -> Any:
        steps, _, _, met, finite = carry
        return (steps < max_steps) & ~met & finite

    def body(carry: Any) -> Any:
        steps, arrays, records, _, _ = carry
        new = eqx.filter(step(eqx.combine(arrays, static)), eqx.is_array)
        finite = all_finite(new)
        met = jnp.asarray(done(eqx.combine(arrays, static), eqx.combine(new, static)), bool) & finite
        new = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, arrays)
        steps = steps + finite
        # After a step that was refused this writes the last state to its own place again.
        return steps, new, jax.tree.map(lambda all_, one: all_.at[steps].set(one), records, record(new)), met, finite

    first = record(arrays)
    records = jax.tree.map(lambda one: _blank(one, max_steps + 1).at[0].set(one), first)
    begin = (jnp.zeros((), jnp.int32), arrays, records, jnp.array(False), all_finite(arrays))
    steps, arrays, records, met, finite = jax.lax.while_loop(unfinished, body, begin)
    failed = Result.where(finite, Result.max_steps, Result.nonfinite)
    result = Result.where(met, Result.successful, failed)
    if throw:
        raise_if_failed(result, "iterate")
    return Iteration(eqx.combine(arrays, static), steps, records, result)


def settled(*, rtol: float = 0.0, atol: float = 0.0) -> Callable[[Any, Any], Bool[Array, ""]]:
    r"""A stopping rule: no entry moved by more than $a + r |x|$.

    **Arguments:** `rtol`, `atol`: $r$ and $a$, at least one of them positive.

    **Returns:** a function for `done` of `iterate`.

    **Raises:** `ValueError` when they are negative or both zero.

    >>> bool(settled(atol=0.1)(jnp.array([1.0, 2.0]), jnp.array([1.05, 2.0])))
    True
    """
    rtol, atol = check_number("rtol", rtol, minimum=0.0), check_number("atol", atol, minimum=0.0)
    if rtol == 0.0 and atol == 0.0:
        raise ValueError("rtol or atol must be > 0, got 0 for both")

    def done(previous: Any, state: Any) -> Bool[Array, ""]:
        def still(old: Array, new: Array) -> Array:
            return jnp.all(jnp.abs(new - old) <= atol + rtol * jnp.abs(new))

        trees = (eqx.filter(tree, eqx.is_inexact_array) for tree in (previous, state))
        return jnp.all(jnp.array(jax.tree.leaves(jax.tree.map(still, *trees)), bool))

    return done


def _as_array(leaf: Any) -> Any:
    return jnp.asarray(leaf) if isinstance(leaf, int | float | complex) or eqx.is_array(leaf) else leaf


def _blank(one: Array, size: int) -> Array:
    fill = jnp.nan if jnp.issubdtype(one.dtype, jnp.inexact) else 0
    return jnp.full((size, *one.shape), fill, one.dtype)


def _check_same(wanted: Any, got: Any) -> None:
    if jax.tree.structure(wanted) != jax.tree.structure(got):
        raise TypeError("step must return a state of the structure that it was given")
    for (path, a), b in zip(jax.tree.leaves_with_path(wanted), jax.tree.leaves(got), strict=True):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            name = f"state{jax.tree_util.keystr(path)}"
            raise TypeError(f"step must keep {name} as {a.dtype}{list(a.shape)}, it returned {b.dtype}{list(b.shape)}")
