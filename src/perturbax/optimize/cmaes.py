r"""Evolution with an adapted covariance, Hansen 2016, arXiv 1604.00772, in the unit cube of the prior's box.

    x_k = m + sigma B D z_k,    z_k ~ N(0, I)                        k = 1 ... lambda, ranked by their score
    m <- sum_i w_i x_i                                              over the better half
    p_sigma <- (1 - c_sigma) p_sigma + sqrt(c_sigma (2 - c_sigma) mu_eff) C^(-1/2) dm / sigma
    p_c     <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) dm / sigma
    C       <- (1 - c_1 - c_mu) C + c_1 p_c p_c^T + c_mu sum_i w_i y_i y_i^T
    sigma   <- sigma exp((c_sigma / d_sigma) (|p_sigma| / E|N(0, I)| - 1))

with the weights and constants of that tutorial, without its negative weights. What leaves the cube is mirrored into it
before it is simulated.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number, iterate
from ._inverse_problem import InverseProblem
from ._invert import AbstractInversionMethod, Estimate, Found, from_box, point, to_box
from ._papers import CMA_ES

# Share of the identity in the first covariance that is taken from samples, which may lie in a plane.
_FLOOR = 0.03


class CMAES(AbstractInversionMethod):
    """Covariance matrix adaptation: the best score by ranks alone, without gradients.

    A fresh run begins with a population from the prior; with `start`, at the best parameters found so far, with the
    covariance of its samples, such as the best entries of a query.

    **Arguments:**

    - `budget`: simulations that may be made.
    - `population`: of a generation, simulated at once; `4 + 3 ln d` when `None`.
    - `step`: the first `sigma`, in widths of the box; `restart_step`: that with `start`.
    - `tolerance`: ends when steps are this small, in widths of the box.

    **Returns:** a frozen method for `optimize.invert`.

    **Raises:** `TypeError`, `ValueError` for arguments out of range.

    Source: Hansen 2016, arXiv 1604.00772.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([-3.0, -3.0], [3.0, 3.0])
    >>> problem = optimize.InverseProblem(lambda p: p, jnp.array([1.0, -2.0]), prior, optimize.SquaredError())
    >>> found = optimize.invert(problem, optimize.CMAES(budget=300), key=jax.random.key(0))
    >>> bool(abs(found.parameters - jnp.array([1.0, -2.0])).max() < 1e-2)
    True
    """

    budget: int = 500
    population: int | None = None
    step: float | int = 0.3
    restart_step: float | int = 0.05
    tolerance: float | int = 1e-4

    papers: ClassVar[tuple[Paper, ...]] = (CMA_ES,)
    continues: ClassVar[bool] = True

    def __check_init__(self):
        check_integer("budget", self.budget, minimum=4)
        if self.population is not None:
            check_integer("population", self.population, minimum=4)
        for name in ("step", "restart_step", "tolerance"):
            check_number(name, getattr(self, name), minimum=0.0, maximum=1.0, exclusive=True)

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        size = self.population or 4 + math.floor(3.0 * math.log(problem.prior.size))
        # The best one is simulated once more, for its prediction.
        generations = (self.budget - 1) // size - (start is None)
        if generations < 1:
            raise ValueError(f"budget must allow for two populations of {size}, got {self.budget}")
        first = None if start is None else (start.parameters, np.float32(start.score), _spread(problem, start))
        step = float(self.step if start is None else self.restart_step)
        best, steps, history = _evolve(problem, key, first, step, float(self.tolerance), size, generations)
        made = int(steps) + (start is None)
        history = np.asarray(history)[: int(steps) + 1]
        return Found(**point(best), evaluations=made * size, report={"population": size, "history": history})


class _State(eqx.Module):
    mean: Float[Array, " d"]
    sigma: Float[Array, ""]
    covariance: Float[Array, "d d"]
    p_sigma: Float[Array, " d"]
    p_c: Float[Array, " d"]
    best: Float[Array, " d"]
    best_score: Float[Array, ""]
    generation: Array


@eqx.filter_jit
def _evolve(problem: Any, key: Any, first: Any, step: float, tolerance: Any, size: int, generations: int) -> Any:
    d, half = problem.prior.size, size // 2
    w = math.log((size + 1) / 2.0) - np.log(np.arange(1, half + 1))
    w = (w / w.sum()).astype(np.float32)
    mu_eff = float(1.0 / np.sum(w**2))
    c_sigma = (mu_eff + 2.0) / (d + mu_eff + 5.0)
    d_sigma = 1.0 + 2.0 * max(0.0, math.sqrt((mu_eff - 1.0) / (d + 1.0)) - 1.0) + c_sigma
    c_c = (4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d)
    c_1 = 2.0 / ((d + 1.3) ** 2 + mu_eff)
    c_mu = min(1.0 - c_1, 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((d + 2.0) ** 2 + mu_eff))
    expected = math.sqrt(d) * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d**2))

    def value(place: Array) -> Array:
        parameters = from_box(problem, place)
        inside = jnp.isfinite(problem.prior.log_density(parameters))
        # Ranks take no infinities, and the state of a loop none either.
        return jnp.maximum(jnp.where(inside, problem.score(parameters), -jnp.inf), jnp.finfo(jnp.float32).min)

    def generation(state: _State) -> _State:
        z = jax.random.normal(jax.random.fold_in(key, state.generation), (size, d))
        scales, B = _principal(state.covariance)
        y = (z * scales) @ B.T
        x = state.mean + state.sigma * y
        mirrored = _mirror(x)
        values = jax.vmap(value)(mirrored)
        order = jnp.argsort(-values)[:half]
        dm = w @ y[order]
        p_sigma = (1.0 - c_sigma) * state.p_sigma
        p_sigma += math.sqrt(c_sigma * (2.0 - c_sigma) * mu_eff) * (B @ ((B.T @ dm) / scales))
        length = jnp.linalg.norm(p_sigma)
        age = 1.0 - (1.0 - c_sigma) ** (2.0 * (state.generation + 1.0))
        h = (length / jnp.sqrt(age) < (1.4 + 2.0 / (d + 1.0)) * expected).astype(jnp.float32)
        p_c = (1.0 - c_c) * state.p_c + h * math.sqrt(c_c * (2.0 - c_c) * mu_eff) * dm
        rank_one = jnp.outer(p_c, p_c) + (1.0 - h) * c_c * (2.0 - c_c) * state.covariance
        rank_mu = (y[order] * w[:, None]).T @ y[order]
        top = order[0]
        better = values[top] > state.best_score
        return _State(
            mean=state.mean + state.sigma * dm,
            sigma=state.sigma * jnp.exp((c_sigma / d_sigma) * (length / expected - 1.0)),
            covariance=(1.0 - c_1 - c_mu) * state.covariance + c_1 * rank_one + c_mu * rank_mu,
            p_sigma=p_sigma,
            p_c=p_c,
            best=jnp.where(better, mirrored[top], state.best),
            best_score=jnp.maximum(values[top], state.best_score),
            generation=state.generation + 1,
        )

    if first is None:
        # Number -1 of the keys of generations, which count from 0.
        draws = jax.vmap(problem.prior.draw)(jax.random.split(jax.random.fold_in(key, 2**31), size))
        begin = to_box(problem, draws)
        values = jax.vmap(value)(begin)
        best, best_score, covariance = begin[jnp.argmax(values)], jnp.max(values), jnp.eye(d)
    else:
        best, best_score = to_box(problem, first[0]), jnp.maximum(first[1], jnp.finfo(jnp.float32).min)
        covariance = first[2]
    zero, sigma = jnp.zeros(d), jnp.asarray(step, jnp.float32)
    state = _State(best, sigma, covariance, zero, zero, best, best_score, jnp.zeros((), jnp.int32))

    def done(_: _State, state: _State) -> Array:
        return state.sigma * jnp.sqrt(jnp.max(jnp.diagonal(state.covariance))) < tolerance

    run = iterate(
        generation, state, done=done, max_steps=generations, history=lambda state: state.best_score, throw=False
    )
    return from_box(problem, run.state.best), run.steps, run.history


def _spread(problem: InverseProblem, start: Estimate) -> np.ndarray:
    """The covariance of samples in the cube, scaled to a mean variance of one; the identity where there is one only."""
    d = problem.prior.size
    covariance = np.atleast_2d(np.cov(np.asarray(to_box(problem, start.samples)).T)) if len(start.samples) > 1 else 0.0
    variance = np.trace(np.atleast_2d(covariance)) / d
    if variance == 0.0:
        return np.eye(d, dtype=np.float32)
    return ((covariance / variance + _FLOOR * np.eye(d)) / (1.0 + _FLOOR)).astype(np.float32)


def _principal(covariance: Float[Array, "d d"]) -> tuple[Array, Array]:
    """Lengths and directions of the principal axes."""
    values, vectors = jnp.linalg.eigh((covariance + covariance.T) / 2.0)
    return jnp.sqrt(jnp.maximum(values, 1e-12)), vectors


def _mirror(x: Array) -> Array:
    """Into the unit cube, by reflection on its sides."""
    x = jnp.mod(x, 2.0)
    return jnp.where(x > 1.0, 2.0 - x, x)
