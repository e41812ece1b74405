"""`invert` and `edit`: from data to the latent that a sampler comes from, and back under another condition."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np

from ..core import Result, check_instance, check_number, raise_if_failed
from ._door import settle_start
from ._grid import Explicit
from ._method import AbstractInvertible
from ._sample import Samples, Sampling, run_plan


class Latent(eqx.Module):
    """What a method needs to sample the inverted data again: one or several states, and the times of its run.

    Give it to `sample_latent` with the same method to get the data back, or with another condition to edit it.
    """

    states: tuple[Any, ...]
    times: tuple[float, ...]


class Inversion(eqx.Module):
    """What `invert` returns.

    `latent` is sampled from with `sample_latent`; `amplification` is the factor by which the inversion may have
    amplified rounding errors; `stats["evaluations"]` counts network calls.
    """

    latent: Latent
    result: Result
    stats: dict[str, Any]
    amplification: float


def invert(
    problem: Sampling, method: AbstractInvertible, x_0: Any, *, before: Any = None, throw: bool = True
) -> Inversion:
    """Run a sampler backwards, from data to its latent.

    With `BDIA`, `EDICT` and `BELM` the latent gives the data back to rounding; with `DDIM` approximately.

    **Arguments:**

    - `problem`: the model under the source condition; inversion goes up to its `start`.
    - `method`: an invertible sampler on a grid with `final="eps"`.
    - `x_0`: data, shape `(batch, *problem.shape)`; its array type chooses the executor as in `sample`.
    - `before`: the state before `x_0` where that is known, that is `samples.states[-1]` of a run with
      `trajectory=True` that drew `x_0`. `BDIA` and `BELM` then find the very latent that `x_0` came from; of other data
      they make one up by a first-order step.
    - `throw`: raise when the model gives a non-finite output.

    **Returns:** `Inversion`.

    **Raises:** `TypeError` for a method that cannot be run backwards, `ValueError` when the grid ends at zero noise or
    the method has no inverse, `SolverError` for a non-finite output. Warns when rounding in the latent is amplified to
    more than 1e-3; sampling from the latent undoes the amplification.

    >>> import jax.numpy as jnp
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> method = diffusion.BDIA(steps=10, grid=diffusion.LogSNR(final="eps"))
    >>> inversion = diffusion.invert(problem, method, jnp.ones((1, 2)))
    >>> bool(abs(diffusion.sample_latent(problem, method, inversion.latent).x - 1.0).max() < 1e-4)
    True
    """
    check_instance("problem", problem, Sampling, "a diffusion.Sampling problem")
    check_instance("method", method, AbstractInvertible, "a sampler that can be run backwards, such as BDIA()")
    if method.grid.denoises:
        raise ValueError('method.grid must have final="eps": the last step to zero noise cannot be inverted')
    x_0 = settle_start(x_0, problem.shape, "x_0")
    nodes = method.nodes(method.path(problem.process, problem.start))
    amplification = method.amplification(nodes)
    precision = float(np.finfo(np.float64 if "64" in str(x_0.dtype) else np.float32).eps)
    compiled = method.inversion_plan(problem.process, problem.start, before is not None)
    start = x_0 if before is None else (x_0, _settle_before(before, x_0))
    if amplification * precision > 1e-3:
        warnings.warn(
            f"{type(method).__name__} amplifies rounding in the latent by up to {amplification:.2g} over "
            f"{len(nodes) - 1} steps, beyond what {x_0.dtype} carries: take fewer steps or float64",
            stacklevel=2,
        )
    samples, where = run_plan(problem, compiled, start, None)
    if throw:
        raise_if_failed(samples.result, f"inversion by {type(method).__name__}{where}")
    states = samples.x if isinstance(samples.x, tuple) else (samples.x,)
    latent = Latent(states, tuple(float(node.time) for node in nodes))
    return Inversion(latent, samples.result, samples.stats, amplification)


def sample_latent(
    problem: Sampling,
    method: AbstractInvertible,
    latent: Latent,
    *,
    key: Any = None,
    trajectory: bool = False,
    throw: bool = True,
) -> Samples:
    """Sample from the latent of an inversion.

    **Arguments:** `problem`: the model, under the source condition to get the data back or another one to edit it;
    `method`: the method of the inversion; `latent`: what `invert` returned; `key`, `trajectory`, `throw`: as for
    `sample`.

    **Returns:** `Samples`.

    **Raises:** `ValueError` when the latent belongs to another grid or kind of method.

    >>> from perturbax import diffusion
    >>> diffusion.sample_latent.__name__
    'sample_latent'
    """
    check_instance("problem", problem, Sampling, "a diffusion.Sampling problem")
    check_instance("method", method, AbstractInvertible, "the sampler of the inversion")
    check_instance("latent", latent, Latent, "the latent of a diffusion.invert")
    times = [float(node.time) for node in method.nodes(method.path(problem.process, problem.start))]
    if len(latent.states) != method.latent_states or not _alike(times, latent.times):
        raise ValueError(
            f"latent was made with other steps or another kind of method: it has {len(latent.states)} states on "
            f"{len(latent.times)} times, {type(method).__name__} needs {method.latent_states} on {len(times)}"
        )
    compiled = method.resume_plan(problem.process, problem.start)
    start = latent.states[0] if len(latent.states) == 1 else latent.states
    samples, where = run_plan(problem, compiled, start, key, trajectory)
    if throw:
        raise_if_failed(samples.result, f"{type(method).__name__}{where}")
    return samples


def edit(
    source: Sampling,
    target: Sampling,
    method: AbstractInvertible,
    x_0: Any,
    *,
    strength: float = 0.8,
    throw: bool = True,
) -> Samples:
    """Edit data: invert it under the source condition, sample it again under the target condition.

    **Arguments:** `source`, `target`: problems that differ in `condition` (and `guidance`) only; `method`: an
    invertible sampler; `x_0`: data, shape `(batch, *shape)`; `strength`: share of the steps that are undone, in (0, 1];
    `throw`: as for `sample`.

    **Returns:** `Samples`, whose evaluations count both ways.

    **Raises:** `ValueError` when the problems have other processes or shapes, or `strength` undoes less than two steps.

    >>> import jax.numpy as jnp
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> method = diffusion.BDIA(steps=10, grid=diffusion.LogSNR(final="eps"))
    >>> bool(abs(diffusion.edit(problem, problem, method, jnp.ones((1, 2))).x - 1.0).max() < 1e-4)
    True
    """
    for name, problem in (("source", source), ("target", target)):
        check_instance(name, problem, Sampling, "a diffusion.Sampling problem")
    check_instance("method", method, AbstractInvertible, "a sampler that can be run backwards, such as BDIA()")
    if source.shape != target.shape or not eqx.tree_equal(source.process, target.process):
        raise ValueError("target must have the shape and the process of source")
    check_number("strength", strength, minimum=0.0, maximum=1.0)
    nodes = method.nodes(method.path(source.process, source.start))
    undone = round(strength * (len(nodes) - 1))
    if undone < 2:
        raise ValueError(f"strength must undo at least 2 of the {len(nodes) - 1} steps, got {strength:g}")
    part = _last_steps(method, [float(node.time) for node in nodes[-undone - 1 :]], len(nodes) - 1)
    inversion = invert(source, part, x_0, throw=throw)
    samples = sample_latent(target, part, inversion.latent, throw=throw)
    evaluations = samples.stats["evaluations"] + inversion.stats["evaluations"]
    return eqx.tree_at(lambda s: s.stats, samples, {**samples.stats, "evaluations": evaluations})


def _settle_before(before: Any, x_0: Any) -> Any:
    before = settle_start(before, tuple(x_0.shape[1:]), "before")
    if type(before) is not type(x_0) or before.dtype != x_0.dtype or before.shape != x_0.shape:
        raise ValueError(
            f"before must be an array like x_0, {tuple(x_0.shape)} of {x_0.dtype}, got {tuple(before.shape)} of "
            f"{before.dtype}"
        )
    return before


def _last_steps(method: AbstractInvertible, times: Sequence[float], intervals: int) -> AbstractInvertible:
    """The method on the last steps of its grid only."""
    spent = method.steps // intervals
    return dataclasses.replace(method, steps=spent * (len(times) - 1), grid=Explicit(times, final="eps"))


def _alike(times: Sequence[float], others: Sequence[float]) -> bool:
    return len(times) == len(others) and bool(np.allclose(times, others, rtol=1e-9, atol=0.0))
