r"""LightSB: a Schrödinger bridge as quickly as a mixture model, without networks and without simulation.

Korotin, Gushchin & Burnaev 2024. The adjusted potential is a mixture of Gaussians, `v(y) = sum_k alpha_k N(y; r_k,
eps S_k)`; the plan `pi(y | x) = exp(x' y / eps) v(y) / c(x)` is then a mixture whose normaliser is explicit,

    c(x) = sum_k alpha_k exp((x' S_k x + 2 r_k' x) / (2 eps)),

and the divergence from the true plan is known up to a constant,

    KL(pi* || pi) = L(theta) - L*,    L(theta) = E_{p_0} log c(x) - E_{p_1} log v(y),

which Adam minimises. `log alpha` is stored as `eps log alpha`, and everything in units of one standard deviation of the
data. What the mixture gives (plan, drift, potential) is in `MixtureProcess`.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_instance
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome
from ._covariance import AbstractCovariance, Diagonal
from ._light import Potential, check_light, train
from ._problem import BridgeProblem


class LightSB(AbstractBridgeMethod):
    """The light Schrödinger bridge: a mixture of Gaussians as potential, trained in seconds on a CPU.

    The first thing to try in up to a few hundred dimensions. Not for pictures, whose conditional plans are no mixtures
    of few Gaussians; and at small `epsilon` the place where a start switches between components is known only as well
    as their proportions in the samples.

    **Arguments:**

    - `potentials`: components of the mixture, `K`; fewer when there are fewer points.
    - `covariance`: `Diagonal()` or `Full()`.
    - `initial_variance`: of `S` at the start; the centres start at random points of `x1`.
    - `learning_rate`: Adam's at the beginning, in units of one standard deviation; it falls to 0 as a cosine.
    - `steps`, `batch_size`: of training.

    **Returns:** a frozen method for `transport.bridge`. `stats` of the solution reports `"dead_components"`, where
    almost no start goes, `"collapsed_components"`, whose variance fell to the floor, and the `"largest_exponent"`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Korotin et al. 2024.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(1000, 2))
    >>> problem = transport.BridgeProblem(x0, x0 + 3.0, epsilon=0.5)
    >>> solved = transport.bridge(problem, transport.LightSB(potentials=5, steps=300), key=jax.random.key(0))
    >>> solved.moments(x0)[0].mean(0).round().tolist()
    [3.0, 3.0]
    """

    potentials: int = 50
    covariance: AbstractCovariance = Diagonal()
    initial_variance: float = 1.0
    learning_rate: float = 1e-2
    steps: int = 4000
    batch_size: int = 256

    papers: ClassVar[tuple[Paper, ...]] = (_papers.LIGHT_SB,)

    def __check_init__(self):
        check_instance("covariance", self.covariance, AbstractCovariance, "Diagonal() or Full()")
        check_light(self)

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        def loss(epsilon: Array) -> _Energy:
            return _Energy(self.covariance, epsilon)

        return train(self, loss, problem, key, progress)


class _Energy(eqx.Module):
    """`L(theta)` of a batch."""

    covariance: AbstractCovariance
    epsilon: Float[Array, ""]

    def __call__(self, potential: Potential, batch: tuple[Array, Array], key: Any) -> Float[Array, ""]:
        x, y = batch
        epsilon, covariance, r = self.epsilon, self.covariance, potential.centres
        log_alpha = potential.cost / epsilon
        log_c = log_alpha + (covariance.quadratic(potential.raw, x) + 2.0 * x @ r.T) / (2.0 * epsilon)
        distance = covariance.mahalanobis(potential.raw, y[:, None, :] - r) / epsilon
        normaliser = covariance.log_determinant(potential.raw) + r.shape[1] * jnp.log(2.0 * math.pi * epsilon)
        log_v = log_alpha - 0.5 * (distance + normaliser)
        return (jax.nn.logsumexp(log_c, axis=-1) - jax.nn.logsumexp(log_v, axis=-1)).mean()
