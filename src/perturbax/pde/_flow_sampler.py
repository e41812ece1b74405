r"""What samplers with a normalizing flow share: the flow as a density on the domain, its state, and its training.

A flow lives on `[-1, 1]^d` like the networks; on the domain its density is $2^d / |\Omega|$ times that. How far it is
from uniform is told by the effective sample size of the weights $w_i = 1 / q(x_i)$ that would make the points uniform
again, $(\sum w)^2 / (n \sum w^2)$.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ..core import (
    adam,
    cast,
    check_array,
    check_instance,
    check_integer,
    check_number,
    precision,
    settle_arrays,
    to_host,
)
from ._adaptive import AbstractAdaptiveSampler, spread, unknown_spread
from ._descent import begin
from ._design import UNIFORM
from ._domain import Box
from ._least_squares import Points
from ._problem import PDEProblem
from ._sampler import Residual, draw
from ._solve import PDESolution

# Above this ratio of densities, or over the mean weight, a point pulls no more: a few would decide all.
LARGEST_RATIO = 20.0


class FlowState(eqx.Module):
    """The state of a sampler with a flow.

    - `flow`: the density on `[-1, 1]^d`; `optimiser`: the state of its Adam.
    - `count`: how many of the points have a weight; `evaluations`: residuals that the updates evaluated.
    - `numbers`: for the history.
    """

    flow: Any
    optimiser: Any
    count: Any
    evaluations: Any
    numbers: dict[str, Any]


class AbstractFlowSampler(AbstractAdaptiveSampler):
    """A sampler that trains a flow by Adam. Its fields `flow`, `flow_steps` and `learning_rate` say which and how."""

    def __check_init__(self):
        sampler: Any = self
        if not callable(sampler.flow):
            raise TypeError(f"flow must be a function (dimension, key=...), got {type(sampler.flow).__name__}")
        check_integer("flow_steps", sampler.flow_steps, minimum=1)
        check_number("learning_rate", sampler.learning_rate, minimum=0.0, exclusive=True)

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        sampler: Any = self
        flow_key, point_key = jax.random.split(key)
        points = draw(problem, point_key, sampler.interior, sampler.boundary, UNIFORM)
        return points, self.begin_flow(problem, flow_key, sampler.interior)

    def begin_flow(self, problem: PDEProblem, key: Any, count: Any) -> FlowState:
        """The first state, whose flow is uniform."""
        sampler: Any = self
        if not isinstance(problem.domain, Box):
            raise ValueError(f"the domain of problem must be a Box for a flow, got {type(problem.domain).__name__}")
        flow = sampler.flow(problem.dimension, key=key)
        trained = eqx.filter(flow, eqx.is_inexact_array)
        zero = jnp.asarray(0)
        numbers = {"effective_sample_size": 1.0, "clipped": 0.0, **unknown_spread()}
        return FlowState(flow, begin(self.transformation, trained), jnp.asarray(count), zero, numbers)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """Adam, one object for each learning rate."""
        sampler: Any = self
        # The slope of a density is huge at a few points near the faces: without the bound on the gradient one of them
        # would hold Adam for a thousand steps.
        return adam(float(sampler.learning_rate), clip=1.0)


def sampling_density(solution: PDESolution, x: Any) -> Any:
    """The density of the flow of a sampler, where a solution's points were drawn from.

    The uniform fraction of `AdversarialSampler` is not part of it.

    **Arguments:** `solution`: of `pde.solve` with a sampler that has a flow; `x`: points, `(n, dimension)`.

    **Returns:** `(n,)`, with the integral 1 over the domain.

    **Raises:** `TypeError` for another solution, `ValueError` for other points.

    >>> from perturbax import pde
    >>> points = pde.AdversarialSampler(20, 8, every=2, flow_steps=1)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(2, chunk=2), points=points)
    >>> solution = pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0))
    >>> sampling_density(solution, [[0.0, 0.0]]).shape
    (1,)
    """
    check_instance("solution", solution, PDESolution, "what pde.solve returned")
    check_instance("the sampler of solution", solution.sampler, FlowState, "one with a flow, of AdversarialSampler")
    x = check_array("x", x, shape=(None, solution.problem.dimension))
    with precision(solution.precision):
        flow, domain = settle_arrays((solution.sampler.flow, solution.problem.domain))
        found = _density(flow, domain, cast(x, jnp.result_type(float)))
    return to_host(found)


@eqx.filter_jit
def _density(flow: Any, domain: Any, x: Any) -> Any:
    rates = 2.0 / (domain.upper - domain.lower)
    inside = domain.contains(x)
    return jnp.where(inside, jnp.exp(flow.log_density(domain.to_unit(x))) * jnp.prod(rates), 0.0)


def effective_sample_size(log_density: Float[Array, " n"]) -> Float[Array, ""]:
    """Of weights that are one over a density, as a share of all."""
    weight = jnp.exp(jnp.min(log_density) - log_density)
    return jnp.square(jnp.sum(weight)) / (weight.size * jnp.sum(jnp.square(weight)))


def train(
    objective: Callable[..., Any], transformation: Any, flow: Any, optimiser: Any, batch: Any, steps: int, usable: Any
) -> tuple[Any, Any]:
    """A flow after steps of Adam down `objective(flow, batch)`: as it was where the batch is not usable, or where it
    would not stay finite."""
    start, rest = eqx.partition(flow, eqx.is_inexact_array)

    def step(carry: Any, _: Any) -> Any:
        trained, state = carry
        gradient = jax.grad(lambda one: objective(eqx.combine(one, rest), batch))(trained)
        updates, state = transformation.update(gradient, state, trained)
        return (optax.apply_updates(trained, updates), state), None

    (trained, state), _ = jax.lax.scan(step, (start, optimiser), None, length=steps)
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(trained)]))

    def kept(new: Any, old: Any) -> Any:
        return jnp.where(usable & finite, new, old)

    return eqx.combine(jax.tree.map(kept, trained, start), rest), jax.tree.map(kept, state, optimiser)


@eqx.filter_jit
def follow(
    transformation: Any, domain: Any, residual: Residual, uniform: Any, state: FlowState, key: Any, steps: int, n: int
) -> tuple[Any, FlowState]:
    r"""Cross-entropy with the squared residual: $\min_\alpha -\sum_i w_i \log p_\alpha(x_i) / \sum_i w_i$.

    Half of the $x_i$ are uniform, half from the flow as it was: with the density $q$ of both together
    $w_i = r^2(x_i) / q(x_i)$. Then `n` points are drawn from the flow.

    **Returns:** the points and the state, whose `count` is that before.
    """
    train_key, draw_key = jax.random.split(key)
    y = jnp.concatenate([domain.to_unit(uniform), state.flow.sample(train_key, uniform.shape[0])])
    log_q = jnp.logaddexp(state.flow.log_density(y), -y.shape[-1] * jnp.log(2.0)) - jnp.log(2.0)
    square = jnp.sum(jnp.square(residual(domain.from_unit(y))), -1)
    weight = jnp.where(jnp.isfinite(square), square, 0.0) * jnp.exp(-log_q)
    # A point that weighs this many times the mean would decide all alone.
    most = LARGEST_RATIO * jnp.mean(weight)
    clipped = jnp.mean(weight > most)
    weight = jnp.minimum(weight, most)
    total = jnp.sum(weight)
    usable = total > 0.0
    batch = y, weight / jnp.where(usable, total, 1.0)
    flow, optimiser = train(_cross_entropy, transformation, state.flow, state.optimiser, batch, steps, usable)
    new = flow.sample(draw_key, n)
    numbers = {"effective_sample_size": effective_sample_size(flow.log_density(new)), "clipped": clipped}
    numbers |= spread(square[: uniform.shape[0]])
    evaluations = state.evaluations + square.shape[0]
    return domain.from_unit(new), FlowState(flow, optimiser, state.count, evaluations, numbers)


def _cross_entropy(flow: Any, batch: Any) -> Any:
    y, share = batch
    return -jnp.sum(share * flow.log_density(y))
