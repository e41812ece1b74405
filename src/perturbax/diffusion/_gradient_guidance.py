"""The scan of methods that differentiate the network at every step; they need a JAX model.

A step from `s` to `t` is DDIM's with `eta`, and a method may change the data prediction and the state that it reaches.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Result
from ._denoise import Denoiser, as_values, conversion_row
from ._door import settle_start, spread_condition
from ._grid import AbstractGrid
from ._noise import path_keys, path_noise, start_noise
from ._restore import InverseProblem, Restored
from ._trace import Node

# (x, denoise, s, t) -> (data prediction, what is added to the state at t)
Guide = Callable[[Array, Callable, Node, Node], tuple[Array, Array]]


def run_guided(
    problem: InverseProblem, guide: Guide, steps: int, eta: float, grid: AbstractGrid, key: Any, x_T: Any
) -> Restored:
    """Sample along the grid with `guide` at every step, with the last step to no noise where the grid denoises."""
    prior, process = problem.prior, problem.prior.process
    times = grid.times(process, steps - grid.denoises, prior.start)
    if x_T is None:
        std = np.float32(process.sigma(float(times[0])))
        x_T = start_noise(key, np.uint32(0), (problem.batch, *prior.shape), std, process.noise)
    x_T = settle_start(x_T, prior.shape)
    if not isinstance(x_T, jax.Array):
        raise TypeError(
            f"this method differentiates the network and needs x_T as a JAX array, got {type(x_T).__name__}"
        )
    # After the grid's end comes, where it denoises, a last step to no noise at all.
    alphas, sigmas = (np.asarray(f(times), np.float64) for f in (process.alpha, process.sigma))
    ends = (np.append(alphas[1:], 1.0), np.append(sigmas[1:], 0.0))
    stages = slice(0, len(times) if grid.denoises else len(times) - 1)
    here = times[stages]
    rows = conversion_row(
        prior.prediction,
        here,
        np.asarray(process.model_time(here)),
        alphas[stages],
        sigmas[stages],
        np.ones(here.size, bool),
    )
    table = jax.tree.map(lambda column: jnp.asarray(column, x_T.dtype), rows)
    nodes = [
        jnp.asarray(a, x_T.dtype) for a in (here, alphas[stages], sigmas[stages], ends[0][stages], ends[1][stages])
    ]
    denoiser = Denoiser(prior.model, as_values(prior.guidance, x_T.dtype), None)
    condition = spread_condition("condition", prior.condition, x_T)
    x, finite = _scan(
        denoiser, condition, table, tuple(nodes), guide, eta, path_keys(key, np.uint32(0), problem.batch), x_T
    )
    result = Result.where(finite, Result.successful, Result.nonfinite)
    return Restored(x, result, {"evaluations": here.size, "network_gradients": here.size})


@eqx.filter_jit
def _scan(
    denoiser: Denoiser, condition: Any, table: Any, nodes: Any, guide: Guide, eta: float, keys: Any, x: Array
) -> tuple[Float[Array, "batch ..."], Array]:
    def step(x: Array, columns: Any) -> tuple[Array, None]:
        index, row, time, alpha_s, sigma_s, alpha_t, sigma_t = columns
        s, t = Node(time, alpha_s, sigma_s, None), Node(time, alpha_t, sigma_t, None)
        data, shift = guide(x, lambda x: denoiser(x, row, condition)[1], s, t)
        noise = (x - s.alpha * data) / s.sigma
        fresh = eta * t.sigma / s.sigma * jnp.sqrt(jnp.maximum(s.sigma**2 - (s.alpha / t.alpha * t.sigma) ** 2, 0.0))
        kept = jnp.sqrt(jnp.maximum(t.sigma**2 - fresh**2, 0.0))
        z = path_noise(keys, index, x.shape, x.dtype)
        return t.alpha * data + kept * noise + fresh * z + shift, None

    index = jnp.arange(nodes[0].shape[0])
    x, _ = jax.lax.scan(step, x, (index, table, *nodes))
    return x, jnp.isfinite(x).all()
