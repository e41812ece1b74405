"""How a data prediction is brought into agreement with measurements, and samplers that do so at every evaluation.

An `AbstractConsistency` maps the data prediction `x_0` to a better one. Given to `Sampling(corrector=...)` through
`Consistent` it turns any planned sampler into one for inverse problems; no gradient of the network is needed.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_instance, check_integer, check_number
from ..interop import like
from ..linalg import conjugate_gradients
from ._corrector import AbstractMemoryCorrector
from ._method import AbstractPlanned
from ._process import AbstractProcess
from ._restore import InverseProblem, Restored, Run, without_recompiling
from ._sample import sample
from .renoise import Renoise


class Corrected(NamedTuple):
    """What a consistency gives: data predictions, applications of `A* A` for each, and what it carries to the next
    step."""

    x: Any
    applications: Int[Array, " batch"]
    carried: Any


class AbstractConsistency(eqx.Module):
    """A correction of data predictions by measurements."""

    def begin(self, problem: InverseProblem) -> Any:
        """What is carried from step to step, before the first one: `A* y`, unless a subclass says otherwise."""
        return problem.adjoint(problem.y)

    @abc.abstractmethod
    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        """The corrected data predictions of a batch."""

    def check(self, problem: InverseProblem) -> None:
        """Refuse a problem for which the correction has no meaning."""

    def __call__(self, problem: InverseProblem, x_0: Array, time: Any) -> Float[Array, "batch ..."]:
        """One correction by itself."""
        return self.correct(problem, x_0, time, self.begin(problem)).x


class Consistent(AbstractMemoryCorrector):
    """A consistency as the `corrector` of a `Sampling` problem, with any planned sampler.

    Its memory counts the applications of `A* A`, which `Samples.memory` ends with. Arrays of another framework are
    taken to JAX and back.

    **Arguments:** `problem`: the measurements, as many as samples; `consistency`: such as `Proximal(gamma=5.0)`.

    **Raises:** `TypeError` for other objects, `ValueError` when the consistency has no meaning for the problem.

    >>> from perturbax import diffusion
    >>> prior = diffusion.Sampling(lambda x, t: x, diffusion.VPLinear(), shape=(4,))
    >>> problem = diffusion.InverseProblem(prior, lambda x: x[:2], y=np.ones((1, 2)))
    >>> guided = diffusion.Sampling(
    ...     lambda x, t: x,
    ...     diffusion.VPLinear(),
    ...     shape=(4,),
    ...     corrector=diffusion.Consistent(problem, diffusion.Noiseless()),
    ... )
    >>> diffusion.sample(guided, diffusion.DPMSolverPP(steps=5), key=jax.random.key(0)).x[0, :2].round(2).tolist()
    [1.0, 1.0]
    """

    problem: InverseProblem
    consistency: AbstractConsistency

    def __check_init__(self):
        check_instance("problem", self.problem, InverseProblem, "a diffusion.InverseProblem")
        check_instance("consistency", self.consistency, AbstractConsistency, "a consistency such as Noiseless()")
        self.consistency.check(self.problem)

    def begin(self, x: Any) -> Any:
        if x.shape[0] != self.problem.batch:
            raise ValueError(
                f"x_T must have one start for each of the {self.problem.batch} measurements, got {x.shape}"
            )
        return self.consistency.begin(self.problem), jnp.zeros(self.problem.batch, jnp.int32)

    def correct(self, data: Any, time: Any, memory: Any) -> tuple[Any, Any]:
        x_0 = data if isinstance(data, jax.Array) else jnp.asarray(np.asarray(data))
        x_0, memory = _correct(self, x_0, jnp.asarray(time, x_0.dtype), memory)
        return (x_0 if isinstance(data, jax.Array) else like(data, np.array(x_0))), memory


# Compiled by itself for networks of other frameworks, which call it from a Python loop.
@eqx.filter_jit
def _correct(corrector: Consistent, x_0: Array, time: Array, memory: Any) -> tuple[Array, Any]:
    carried, applications = memory
    done = corrector.consistency.correct(corrector.problem, x_0, time, carried)
    return done.x.astype(x_0.dtype), (done.carried, applications + done.applications)


class Noiseless(AbstractConsistency):
    """A few steps of conjugate gradients on `A* A x = A* y` from the data prediction: they stay in the Krylov space of
    the residual and so, if that is tangent to the data, near the data.

    **Arguments:** `steps`: of conjugate gradients; `tolerance`: a system whose residual is smaller stops.

    **Raises:** `ValueError` when one is out of range.

    Source: Chung, Lee & Ye 2024, arXiv 2303.05754.

    >>> Noiseless(steps=3).tolerance
    1e-05
    """

    steps: int = 5
    tolerance: float = 1e-5

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        def solve(back: Array, start: Array) -> Any:
            return conjugate_gradients(problem.normal, back, x0=start, max_steps=self.steps, atol=self.tolerance)

        found = jax.vmap(solve)(carried, x_0)
        return Corrected(found.x, found.applications, carried)


class AbstractWeight(eqx.Module):
    """A weight of the measurements that changes along the process."""

    @abc.abstractmethod
    def gamma(self, process: AbstractProcess, time: Any, noise_std: Any) -> Any:
        """The weight `gamma` at a time."""


class PosteriorWeight(AbstractWeight):
    """`gamma_t = s_t^2 / noise_std^2` with the variance `s_t^2` that normal data of a given deviation have given `x_t`,

        s_t^2 = data_std^2 sigma^2 / (data_std^2 alpha^2 + sigma^2),

    so that `Proximal` gives the posterior mean of such data around the prediction. Derived here, not in the paper.

    **Arguments:** `data_std`: standard deviation of the data, positive.

    **Raises:** `ValueError` when it is not.

    >>> from perturbax import diffusion
    >>> round(float(PosteriorWeight().gamma(diffusion.EDM(), 1.0, 0.5)), 3)
    2.0
    """

    data_std: float = 1.0

    def __check_init__(self):
        check_number("data_std", self.data_std, minimum=0.0, exclusive=True)

    def gamma(self, process: AbstractProcess, time: Any, noise_std: Any) -> Any:
        noise, data = process.sigma(time) ** 2, (self.data_std * process.alpha(time)) ** 2
        return self.data_std**2 * noise / (data + noise) / noise_std**2


class Proximal(AbstractConsistency):
    """A few steps of conjugate gradients towards the minimum of

        gamma / 2 |y - A x|^2 + 1/2 |x - x_0|^2,     (I + gamma A* A) x = x_0 + gamma A* y.

    **Arguments:** `gamma`: weight of the measurements, a number or `PosteriorWeight()`; `steps`, `tolerance`: as for
    `Noiseless`.

    **Raises:** `ValueError` when one is out of range, or, when used, a `PosteriorWeight` meets a problem without noise.

    Source: Chung, Lee & Ye 2024, arXiv 2303.05754.

    >>> Proximal(gamma=5.0).steps
    5
    """

    gamma: float | AbstractWeight = 5.0
    steps: int = 5
    tolerance: float = 1e-5

    def __check_init__(self):
        if not isinstance(self.gamma, AbstractWeight):
            check_number("gamma", self.gamma, minimum=0.0)
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def check(self, problem: InverseProblem) -> None:
        if isinstance(self.gamma, AbstractWeight) and problem.noise_std == 0.0:
            raise ValueError(f"gamma must be a number where noise_std is 0, got {self.gamma}")

    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        gamma: Any = self.gamma
        if isinstance(gamma, AbstractWeight):
            gamma = gamma.gamma(problem.prior.process, time, problem.noise_std)

        def solve(back: Array, start: Array) -> Any:
            return conjugate_gradients(
                lambda x: x + gamma * problem.normal(x),
                start + gamma * back,
                x0=start,
                max_steps=self.steps,
                atol=self.tolerance,
            )

        found = jax.vmap(solve)(carried, x_0)
        return Corrected(found.x, found.applications, carried)


class Projected(AbstractConsistency):
    """The nearest image that meets the measurements, `x_0 + A^+ (y - A x_0)`.

    **Arguments:** `steps`: of conjugate gradients for the pseudo-inverse.

    **Raises:** `ValueError` when `steps` is not positive.

    Source: Wang, Yu & Zhang 2023 (DDNM), arXiv 2212.00490; Song et al. 2022.

    >>> Projected().steps
    100
    """

    steps: int = 100

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)

    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        found = problem.pseudo_inverse(problem.y - problem.forward(x_0), self.steps)
        # A x_0 and the adjoint of the difference are one application more.
        return Corrected(x_0 + found.x, found.applications + 1, carried)


def run_consistent(
    problem: InverseProblem, consistency: AbstractConsistency, sampler: AbstractPlanned | None, run: Run
) -> Restored:
    """Sample from the prior, by `Renoise()` when no sampler is given, with every data prediction corrected."""
    consistency.check(problem)
    corrector = Consistent(without_recompiling(problem), numbers_as_values(consistency))
    corrected = eqx.tree_at(lambda p: p.corrector, problem.prior, corrector, is_leaf=lambda leaf: leaf is None)
    samples = sample(
        corrected,
        Renoise() if sampler is None else sampler,
        key=run.key,
        num_samples=problem.batch if run.x_T is None else 1,
        x_T=run.x_T,
        trajectory=run.trajectory,
        sharding=run.sharding,
        throw=False,
    )
    stats = {**samples.stats, "network_gradients": 0, "operator_applications": samples.memory[1]}
    return Restored(samples.x, samples.result, stats, samples.previews)


def numbers_as_values(tree: Any) -> Any:
    """A pytree with its Python floats as arrays, so that others are no other program."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32) if isinstance(leaf, float) else leaf, tree)
