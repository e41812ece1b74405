r"""Adversarial adaptive sampling (AAS): points from a flow that is trained against the solution.

Tang, Zhai, Wan & Yang 2024 (arXiv 2305.18702). With the residual `r(x; theta)` of the equation, solution and density
are trained for

    min_theta max_alpha  int r^2 p_alpha dx  -  beta int |grad p_alpha|^2 dx  +  conditions.

The second term stands for the bound on the slope of `p` under which the maximum over `p` is the Wasserstein distance of
the residual from a uniform one. Where `p > 0` the best density satisfies `-2 beta Laplacian p = r^2 - const` with a
natural boundary condition: it is a smoothed residual, uniform for a large `beta`, at the largest residual for a small
one. After the optimiser's steps on `theta` the points of the flow, whose density was `p_0`, give

    A(alpha) = mean_i [ r^2(x_i) min(p_alpha / p_0, 20)(x_i) / mean r^2  -  beta |grad p_alpha(x_i)|^2 / p_0(x_i) ],

which Adam climbs for `flow_steps` steps; then new points are drawn. The first step follows the score-function gradient.
The division by the mean makes `beta` free of the scale of the residual, and `x` is in `[-1, 1]^d` here. `theta` feels
neither the density nor weights. A share of the points stays uniform, which is ours, so that no place is left alone.
"""

from collections.abc import Callable
from math import ceil
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Paper, check_number
from ..nn import KRNet
from ._adaptive import spread
from ._design import UNIFORM
from ._flow_sampler import LARGEST_RATIO, AbstractFlowSampler, FlowState, effective_sample_size, train
from ._least_squares import Points
from ._papers import AAS, KRNET
from ._problem import PDEProblem
from ._sampler import Residual, draw


class AdversarialSampler(AbstractFlowSampler):
    """Points from a normalizing flow that climbs towards large residuals while the solution makes them small.

    For solutions with peaks and fronts in places that are not known. All weights are 1: where points gather the
    equation counts more.

    **Arguments:**

    - `interior`: number of points inside; `boundary`: about as many for each condition, drawn anew too.
    - `every`: steps of the optimiser between two updates.
    - `beta`: how smooth the density is; of a residual of width 0.2 in the plane 1e-2 gathers nearly all points of the
      flow there, 0.1 two thirds, and with 10 it stays uniform. It depends on the dimension.
    - `flow_steps`: of Adam, in each update; `learning_rate`: of this Adam.
    - `uniform_fraction`: share of the points that are uniform.
    - `flow`: `flow(dimension, key=...)`, a density on `[-1, 1]^dimension` with `log_density(x)` and `sample(key, n)`.

    **Returns:** a frozen sampler, for the field `points` of a method of `pde.solve`. The history gets
    `"effective_sample_size"`, `"clipped"` (the share of points whose ratio of densities was above 20), and mean and
    relative variance of the squared residual at the points of the flow. `pde.sampling_density` has the density.

    **Raises:** `TypeError`, `ValueError` for numbers out of range; in `solve` for a domain that is no box.

    Source: Tang, Zhai, Wan & Yang 2024 (arXiv 2305.18702).

    >>> import jax
    >>> from perturbax import pde
    >>> points = pde.AdversarialSampler(20, 8, every=2, flow_steps=1)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(2, chunk=2), points=points)
    >>> solution = pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0))
    >>> solution.points.x.shape
    (20, 2)
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    beta: float | int = 1e-2
    flow_steps: int = 30
    learning_rate: float = 1e-3
    uniform_fraction: float | int = 1.0 / 3.0
    flow: Callable = KRNet

    papers: ClassVar[tuple[Paper, ...]] = (AAS, KRNET)

    def __check_init__(self):
        check_number("beta", self.beta, minimum=0.0)
        check_number("uniform_fraction", self.uniform_fraction, minimum=0.0)
        if self.uniform_fraction >= 1.0:
            raise ValueError(f"uniform_fraction must be a number < 1, got {self.uniform_fraction}")

    @property
    def drawn(self) -> int:
        """How many of the points are drawn from the flow."""
        return ceil(round((1.0 - self.uniform_fraction) * self.interior, 9))

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        flow_key, point_key = jax.random.split(key)
        fresh = draw(problem, point_key, self.interior, self.boundary, UNIFORM)
        x, state = _move(self, self.transformation, problem.domain, residual, points.x, fresh.x, state, flow_key)
        return eqx.tree_at(lambda p: p.x, fresh, x), state


@eqx.filter_jit
def _move(
    sampler: AdversarialSampler,
    transformation: Any,
    domain: Any,
    residual: Residual,
    x: Any,
    uniform: Any,
    state: Any,
    key: Any,
) -> tuple[Any, FlowState]:
    """The next points, of which the first `drawn` are those of the flow, and the next state."""
    m, drawn = sampler.interior, sampler.drawn
    own = x[:drawn]
    square = jnp.sum(jnp.square(residual(own)), -1)
    mean = jnp.mean(square)
    usable = jnp.isfinite(mean) & (mean > 0.0)
    y = domain.to_unit(own)
    batch = y, jnp.where(usable, square / mean, 0.0), state.flow.log_density(y), sampler.beta
    flow, optimiser = train(_descent, transformation, state.flow, state.optimiser, batch, sampler.flow_steps, usable)
    ratio = jnp.exp(flow.log_density(y) - batch[2])
    unit = flow.sample(key, drawn)
    log_p = flow.log_density(jnp.concatenate([unit, domain.to_unit(uniform[drawn:])]))
    # Of the mixture with the uniform density, which is 2^-d on the cube.
    share = drawn / m
    log_q = jnp.logaddexp(log_p + jnp.log(share), jnp.log(1.0 - share) - unit.shape[-1] * jnp.log(2.0))
    numbers = {"effective_sample_size": effective_sample_size(log_q), "clipped": jnp.mean(ratio > LARGEST_RATIO)}
    new = jnp.concatenate([domain.from_unit(unit), uniform[drawn:]])
    evaluations = state.evaluations + drawn
    return new, FlowState(flow, optimiser, state.count, evaluations, numbers | spread(square))


def _descent(flow: Any, batch: Any) -> Any:
    """`-A(alpha)`."""
    y, square, log_p0, beta = batch

    def total(y: Any) -> Any:
        log_p = flow.log_density(y)
        return jnp.sum(log_p), log_p

    slope, log_p = jax.grad(total, has_aux=True)(y)
    log_ratio = log_p - log_p0
    gain = square * jnp.minimum(jnp.exp(log_ratio), LARGEST_RATIO)
    penalty = jnp.exp(log_ratio + log_p) * jnp.sum(jnp.square(slope), -1)
    return jnp.mean(beta * penalty - gain)
