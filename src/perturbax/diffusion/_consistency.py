"""How a data prediction is brought into agreement with measurements, and samplers that do so at every evaluation.

An `AbstractConsistency` maps the data prediction `x_0` to a better one. Given to `Sampling(corrector=...)` through
`Consistent` it turns any planned sampler into one for inverse problems; no gradient of the network is needed.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ..interop import like
from ..linalg import conjugate_gradients
from ._method import AbstractPlanned
from ._process import AbstractProcess
from ._restore import InverseProblem, Restored
from ._sample import sample
from .renoise import Renoise


class AbstractConsistency(eqx.Module):
    """A correction of data predictions by measurements."""

    @abc.abstractmethod
    def correct(self, problem: InverseProblem, x_0: Array, time: Any) -> Float[Array, "batch ..."]:
        """The corrected data prediction, a batch."""


class Consistent(eqx.Module):
    """A consistency as the `corrector` of a `Sampling` problem, with any sampler.

    Arrays of another framework are taken to JAX and back.

    >>> from perturbax import diffusion
    >>> prior = diffusion.Sampling(lambda x, t: x, diffusion.VPLinear(), shape=(4,))
    >>> problem = diffusion.InverseProblem(prior, lambda x: x[:2], y=np.ones((1, 2)))
    >>> diffusion.Consistent(problem, diffusion.Noiseless())(jnp.zeros((1, 4)), 0.1).round(3).tolist()
    [[1.0, 1.0, 0.0, 0.0]]
    """

    problem: InverseProblem
    consistency: AbstractConsistency

    def __call__(self, x_0: Any, time: Any) -> Any:
        if isinstance(x_0, jax.Array):
            return self.consistency.correct(self.problem, x_0, time).astype(x_0.dtype)
        corrected = self.consistency.correct(self.problem, jnp.asarray(np.asarray(x_0)), float(time))
        return like(x_0, np.array(corrected))


class Noiseless(AbstractConsistency):
    """A few steps of conjugate gradients on `A* A x = A* y` from the data prediction: they stay in the Krylov space of
    the residual and so, if that is tangent to the data, near the data.

    **Arguments:** `steps`: of conjugate gradients; `tolerance`: a system whose residual is smaller stops.

    **Raises:** `ValueError` when one is out of range.

    Source: Chung, Lee & Ye 2024, algorithm 1.

    >>> Noiseless(steps=3).tolerance
    1e-05
    """

    steps: int = 5
    tolerance: float = 1e-5

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def correct(self, problem: InverseProblem, x_0: Array, time: Any) -> Float[Array, "batch ..."]:
        def solve(b: Array, start: Array) -> Array:
            return conjugate_gradients(problem.normal, b, x0=start, max_steps=self.steps, atol=self.tolerance).x

        return jax.vmap(solve)(problem.adjoint(problem.y), x_0)


class Proximal(AbstractConsistency):
    """A few steps of conjugate gradients towards the minimum of

        gamma / 2 |y - A x|^2 + 1/2 |x - x_0|^2,     (I + gamma A* A) x = x_0 + gamma A* y.

    **Arguments:** `gamma`: weight of the measurements; `None` for `s_t^2 / noise_std^2` with the posterior variance
    `s_t^2 = sigma^2 / (alpha^2 + sigma^2)` of data of unit variance (derived, not in the paper); `steps`, `tolerance`:
    as for `Noiseless`.

    **Raises:** `ValueError` when one is out of range, or, when used, `gamma` is `None` and there is no noise.

    Source: Chung, Lee & Ye 2024, equation 14.

    >>> Proximal(gamma=5.0).steps
    5
    """

    gamma: float | None = 5.0
    steps: int = 5
    tolerance: float = 1e-5

    def __check_init__(self):
        if self.gamma is not None:
            check_number("gamma", self.gamma, minimum=0.0)
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def correct(self, problem: InverseProblem, x_0: Array, time: Any) -> Float[Array, "batch ..."]:
        gamma = self._weight(problem, time)

        def solve(back: Array, start: Array) -> Array:
            return conjugate_gradients(
                lambda x: x + gamma * problem.normal(x),
                start + gamma * back,
                x0=start,
                max_steps=self.steps,
                atol=self.tolerance,
            ).x

        return jax.vmap(solve)(problem.adjoint(problem.y), x_0)

    def _weight(self, problem: InverseProblem, time: Any) -> Any:
        if self.gamma is not None:
            return self.gamma
        if problem.noise_std == 0.0:
            raise ValueError("gamma must be given where noise_std is 0")
        return _posterior_variance(problem.prior.process, time) / problem.noise_std**2


class Projected(AbstractConsistency):
    """The nearest image that meets the measurements, `x_0 + A^+ (y - A x_0)`.

    **Arguments:** `steps`: of conjugate gradients for the pseudo-inverse.

    Source: Wang, Yu & Zhang 2023 (DDNM), equation 8; Song et al. 2022.

    >>> Projected().steps
    100
    """

    steps: int = 100

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)

    def correct(self, problem: InverseProblem, x_0: Array, time: Any) -> Float[Array, "batch ..."]:
        return x_0 + problem.pseudo_inverse(problem.y - problem.forward(x_0), self.steps)


def _posterior_variance(process: AbstractProcess, time: Any) -> Any:
    alpha, sigma = process.alpha(time), process.sigma(time)
    return sigma**2 / (alpha**2 + sigma**2)


def run_consistent(
    problem: InverseProblem, consistency: AbstractConsistency, sampler: AbstractPlanned | None, key: Any, x_T: Any
) -> Restored:
    """Sample from the prior, by `Renoise()` when no sampler is given, with every data prediction corrected."""
    corrector = Consistent(problem, consistency)
    corrected = eqx.tree_at(lambda p: p.corrector, problem.prior, corrector, is_leaf=lambda leaf: leaf is None)
    count = problem.batch if x_T is None else 1
    samples = sample(corrected, Renoise() if sampler is None else sampler, key=key, num_samples=count, x_T=x_T)
    return Restored(samples.x, samples.result, {**samples.stats, "network_gradients": 0})
