r"""LightSB-M: the mixture of LightSB, trained by one step of optimal bridge matching.

Gushchin, Kholkin, Burnaev & Korotin 2024. Take *any* coupling of the ends, join each pair by a Brownian bridge, and
among the drifts of Schrödinger bridges, of which every mixture is one, regress on that of the pinned bridge,

    min_v  E |g_v(X_t, t) - (X_1 - X_t) / (1 - t)|^2,    X_t = (1 - t) X_0 + t X_1 + sqrt(eps t (1 - t)) Z.

With equal weights in time this is a divergence of processes, and its minimiser is the Schrödinger bridge whatever the
coupling was, here the independent one; with other weights it is not.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_instance
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome
from ._covariance import Diagonal
from ._light import Potential, check_light, train
from ._mixture import MixtureProcess
from ._problem import BridgeProblem

# Times are drawn below this one: at 1 the drift of the pinned bridge diverges.
_LAST = 0.999


class LightSBM(AbstractBridgeMethod):
    """Light Schrödinger bridge matching: the family of `LightSB`, fitted to bridges of any coupling of the samples.

    Its gradient does not need the two samples to be compared as wholes, so that it can go on learning from a stream of
    pairs. The targets are noisy, and LightSB's own loss is more precise at equal cost.

    **Arguments:**

    - `potentials`, `initial_variance`, `learning_rate`, `steps`, `batch_size`: as for `LightSB`.
    - `covariance`: `Diagonal()`.

    **Returns:** a frozen method for `transport.bridge`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Gushchin et al. 2024 (optimal projection).

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(1000, 2))
    >>> problem = transport.BridgeProblem(x0, x0 + 3.0, epsilon=0.5)
    >>> solved = transport.bridge(problem, transport.LightSBM(potentials=5, steps=300), key=jax.random.key(0))
    >>> solved.moments(x0)[0].mean(0).round().tolist()
    [3.0, 3.0]
    """

    potentials: int = 50
    covariance: Diagonal = Diagonal()
    initial_variance: float = 1.0
    learning_rate: float = 1e-2
    steps: int = 4000
    batch_size: int = 256

    papers: ClassVar[tuple[Paper, ...]] = (_papers.LIGHT_SBM, _papers.LIGHT_SB)

    def __check_init__(self):
        check_instance("covariance", self.covariance, Diagonal, "Diagonal()")
        check_light(self)

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        def loss(epsilon: Array) -> _Matching:
            return _Matching(self.covariance, epsilon)

        return train(self, loss, problem, key, progress)


class _Matching(eqx.Module):
    """The matching loss of a batch."""

    covariance: Diagonal
    epsilon: Float[Array, ""]

    def __call__(self, potential: Potential, batch: tuple[Array, Array], key: Any) -> Float[Array, ""]:
        x, y = batch
        time_key, noise_key = jax.random.split(key)
        t = jax.random.uniform(time_key, x.shape[:1], x.dtype, maxval=_LAST)
        s = t[:, None]
        noise = jax.random.normal(noise_key, x.shape, x.dtype)
        between = (1.0 - s) * x + s * y + jnp.sqrt(self.epsilon * s * (1.0 - s)) * noise
        zero = jnp.zeros_like(x[0])
        process = MixtureProcess(
            log_alpha=potential.cost / self.epsilon,
            centres=potential.centres,
            eigenvalues=self.covariance.values(potential.raw),
            eigenvectors=None,
            start=zero,
            end=zero,
            epsilon=self.epsilon,
        )
        gap = process.drift(between, t) - (y - between) / (1.0 - s)
        return jnp.square(gap).sum(-1).mean()
