r"""Draws from the posterior by the Metropolis algorithm with Gaussian steps, several chains at once, by BlackJAX.

    theta' = theta + N(0, (2.38^2 / d) S),      accepted with probability min(1, posterior(theta') / posterior(theta))

`S` is the covariance of what another method found, or that of the prior times `scale^2`; the factor is the best one for
Gaussian posteriors in many dimensions (Roberts, Gelman & Gilks 1997).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._inverse_problem import InverseProblem
from ._invert import AbstractInversionMethod, Estimate, Found
from ._papers import BLACKJAX, METROPOLIS

_OPTIMAL = 2.38


class RandomWalkMetropolis(AbstractInversionMethod):
    """Markov chains whose steps are normal. With `start`, chains begin at its samples and steps have their covariance.

    **Arguments:**

    - `chains`: simulated at once.
    - `steps`: of every chain; `discarded`: of them at the beginning.
    - `scale`: of the steps of a fresh run, in standard deviations of the prior, and the smallest one with `start`.

    **Returns:** a frozen method for `optimize.invert`. `stats` has the `"acceptance"` and `"rhat"`, the potential scale
    reduction over the chains for every parameter: beyond 1.1 the draws are not the posterior yet.

    **Raises:** `ModuleNotFoundError` without BlackJAX; `TypeError`, `ValueError` for arguments out of range.

    Source: Metropolis et al. 1953; Cabezas et al. 2024, arXiv 2402.10797 (BlackJAX).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([-3.0], [3.0])
    >>> problem = optimize.InverseProblem(lambda p: p, jnp.array([1.0]), prior, optimize.SquaredError(0.3))
    >>> found = optimize.invert(problem, optimize.RandomWalkMetropolis(8, 500, 100), key=jax.random.key(0))
    >>> bool(abs(found.mean[0] - 1.0) < 0.1), bool(abs(found.standard_deviation[0] - 0.3) < 0.1)
    (True, True)
    """

    chains: int = 8
    steps: int = 200
    discarded: int = 50
    scale: float | int = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (METROPOLIS, BLACKJAX)
    continues: ClassVar[bool] = True

    def __check_init__(self):
        check_integer("chains", self.chains, minimum=2)
        check_integer("discarded", self.discarded, minimum=0)
        check_integer("steps", self.steps, minimum=self.discarded + 2)
        check_number("scale", self.scale, minimum=0.0, exclusive=True)

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        begin, walk = jax.random.split(key)
        # A uniform law of width w has the standard deviation w / sqrt(12).
        smallest = (self.scale * np.asarray(problem.prior.width)) ** 2 / 12.0
        if start is None:
            first, covariance = problem.prior.sample(begin, self.chains), np.diag(smallest)
        else:
            chosen = jax.random.choice(begin, len(start.weights), (self.chains,), p=jnp.asarray(start.weights))
            first = jnp.asarray(start.samples)[chosen]
            centred = start.samples - start.mean
            covariance = (start.weights * centred.T) @ centred
            covariance = covariance + np.diag(np.maximum(smallest - np.diagonal(covariance), 0.0))
        factor = _OPTIMAL / problem.prior.size**0.5 * np.linalg.cholesky(covariance)
        states, values, accepted = _walk(problem, walk, first, jnp.asarray(factor, jnp.float32), self.steps)
        kept = np.asarray(states)[:, self.discarded :]
        values = np.asarray(values)
        best = np.asarray(states)[np.unravel_index(np.argmax(values), values.shape)]
        samples = kept.reshape(-1, kept.shape[-1])
        report = {"acceptance": float(np.mean(accepted)), "rhat": _rhat(kept), "chains": kept}
        weights = np.full(len(samples), 1.0 / len(samples), np.float32)
        return Found(best, samples, weights, self.chains * (self.steps + 1), report=report)


@eqx.filter_jit
def _walk(problem: InverseProblem, key: Any, first: Float[Array, "chains d"], factor: Array, steps: int) -> Any:
    blackjax = _blackjax()
    kernel = blackjax.additive_step_random_walk(problem.log_posterior, blackjax.mcmc.random_walk.normal(factor))

    def chain(position: Array, key: Any) -> Any:
        def step(state: Any, key: Any) -> Any:
            state, info = kernel.step(key, state)
            return state, (state.position, state.logdensity, info.is_accepted)

        return jax.lax.scan(step, kernel.init(position), jax.random.split(key, steps))[1]

    return jax.vmap(chain)(first, jax.random.split(key, first.shape[0]))


def _rhat(chains: np.ndarray) -> np.ndarray:
    return np.asarray(_blackjax().diagnostics.potential_scale_reduction(jnp.asarray(chains)))


def _blackjax() -> Any:
    try:
        import blackjax
    except ModuleNotFoundError:
        raise ModuleNotFoundError("RandomWalkMetropolis needs BlackJAX: pip install 'perturbax[mcmc]'") from None
    return blackjax
