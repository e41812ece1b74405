"""The scan of methods that differentiate the network at every step; they need a JAX model.

Such a method cannot be a corrector of a plan, which sees the network's output only. What it shares with plans are grid,
process, denoiser, the noise of a path and DDIM's step with `eta`; a method says by how much the data prediction and the
state that is reached change.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Result, check_integer, check_number
from ._consistency import numbers_as_values
from ._denoise import Denoiser, as_values, conversion_row
from ._door import place, settle_start, spread_condition
from ._grid import AbstractGrid
from ._noise import path_keys, path_noise, start_noise
from ._restore import AbstractRestoration, InverseProblem, Restored, Run, without_recompiling
from ._trace import Node


class AbstractGuided(AbstractRestoration):
    """A method that steps as DDIM does and differentiates the network at every evaluation."""

    steps: eqx.AbstractVar[int]
    eta: eqx.AbstractVar[float]
    grid: eqx.AbstractVar[AbstractGrid]

    def __check_init__(self):
        if not isinstance(self.grid, AbstractGrid):
            raise TypeError(f"grid must be a time grid such as TimeUniform(), got {type(self.grid).__name__}")
        check_integer("steps", self.steps, minimum=1 + self.grid.denoises)
        check_number("eta", self.eta, minimum=0.0, maximum=1.0)

    @abc.abstractmethod
    def guide(self, problem: InverseProblem, x: Array, denoise: Any, s: Node) -> tuple[Array, Array, Array]:
        """The data prediction at the state `x` of `s`, what is added to the state after the step, and the applications
        of `A* A` for each image."""

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        prior, process, grid = problem.prior, problem.prior.process, self.grid
        times = grid.times(process, self.steps - grid.denoises, prior.start)
        x_T = run.x_T
        if x_T is None:
            std = np.float32(process.sigma(float(times[0])))
            x_T = start_noise(run.key, np.uint32(0), (problem.batch, *prior.shape), std, process.noise)
        x_T = settle_start(x_T, prior.shape)
        if not isinstance(x_T, jax.Array):
            name = type(self).__name__
            raise TypeError(f"{name} differentiates the network and needs x_T as a JAX array, got {type(x_T).__name__}")
        if run.sharding is not None:
            x_T = place(x_T, run.sharding)
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
        columns = (here, alphas[stages], sigmas[stages], ends[0][stages], ends[1][stages])
        nodes = tuple(jnp.asarray(column, x_T.dtype) for column in columns)
        denoiser = Denoiser(prior.model, as_values(prior.guidance, x_T.dtype), None)
        condition = spread_condition("condition", prior.condition, x_T)
        keys = path_keys(run.key, np.uint32(0), problem.batch)
        method = numbers_as_values(self)
        x, finite, applications, previews = _scan(
            method, without_recompiling(problem), denoiser, condition, table, nodes, keys, x_T, run.trajectory
        )
        result = Result.where(finite, Result.successful, Result.nonfinite)
        stats = {"evaluations": here.size, "network_gradients": here.size, "operator_applications": applications}
        return Restored(x, result, stats, previews)


@eqx.filter_jit
def _scan(
    method: AbstractGuided,
    problem: InverseProblem,
    denoiser: Denoiser,
    condition: Any,
    table: Any,
    nodes: Any,
    keys: Any,
    x: Array,
    trajectory: bool,
) -> tuple[Float[Array, "batch ..."], Array, Array, Any]:
    def step(carry: tuple[Array, Array], columns: Any) -> tuple[tuple[Array, Array], Any]:
        x, spent = carry
        index, row, time, alpha_s, sigma_s, alpha_t, sigma_t = columns
        s, t = Node(time, alpha_s, sigma_s, None), Node(time, alpha_t, sigma_t, None)
        data, shift, applications = method.guide(problem, x, lambda x: denoiser(x, row, condition)[1], s)
        noise = (x - s.alpha * data) / s.sigma
        across = jnp.sqrt(jnp.maximum(s.sigma**2 - (s.alpha / t.alpha * t.sigma) ** 2, 0.0))
        fresh = method.eta * t.sigma / s.sigma * across
        kept = jnp.sqrt(jnp.maximum(t.sigma**2 - fresh**2, 0.0))
        z = path_noise(keys, index, x.shape, x.dtype)
        x = t.alpha * data + kept * noise + fresh * z + shift
        return (x, spent + applications), (data if trajectory else None)

    index = jnp.arange(nodes[0].shape[0])
    start = (x, jnp.zeros(x.shape[0], jnp.int32))
    (x, spent), previews = jax.lax.scan(step, start, (index, table, *nodes))
    return x, jnp.isfinite(x).all(), spent, previews
