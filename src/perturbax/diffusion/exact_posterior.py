"""The posterior of a Gaussian mixture given linear measurements, exactly.

`stats.linear_posterior` with the operator written out as a matrix; complex measurements are two real ones.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Paper, check_instance, check_number, float64
from ..stats import GaussianMixture, linear_posterior
from ._restore import AbstractRestoration, InverseProblem, Restored, Run, no_network


class ExactPosterior(AbstractRestoration):
    """The oracle for priors that are Gaussian mixtures: the posterior mean, above which no method can be in the mean
    squared error, or a draw. The prior's network is not called. Computed in float64 with a dense operator.

    **Arguments:** `mixture`: the prior; `draw`: a sample of the posterior instead of its mean, which is another
    question to the same exact answer and no other way to it; `floor`: added to the variance of the noise.

    **Returns:** a frozen method for `diffusion.restore`.

    **Raises:** `TypeError` when `mixture` is something else; `ValueError` when `floor` is negative or, when used, sizes
    do not fit.

    Source: Bishop 2006 (linear Gaussian models).

    >>> from perturbax import diffusion, stats
    >>> mixture = stats.GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
    >>> prior = diffusion.Sampling(lambda x, t: x, diffusion.VPLinear(), shape=(2,))
    >>> problem = diffusion.InverseProblem(prior, lambda x: x[:1], y=[[1.0]])
    >>> import jax
    >>> diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=jax.random.key(0)).x.round(3).tolist()
    [[1.0, 0.5]]
    """

    mixture: GaussianMixture
    draw: bool = False
    floor: float = 1e-8

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Pattern Recognition and Machine Learning",
            authors=("Christopher M. Bishop",),
            year=2006,
            venue="Springer",
        ),
    )

    def __check_init__(self):
        check_instance("mixture", self.mixture, GaussianMixture, "a stats.GaussianMixture")
        check_number("floor", self.floor, minimum=0.0)

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        shape = problem.prior.shape
        d = math.prod(shape)
        if self.mixture.means.shape[1] != d:
            raise ValueError(f"mixture has {self.mixture.means.shape[1]} dimensions, an image has {d}")
        columns = jax.vmap(problem.operator)(jnp.eye(d).reshape(d, *shape))
        A, y = (_as_real(np.asarray(z)) for z in (columns, problem.y))
        with float64():
            parts = (self.mixture.weights, self.mixture.means, self.mixture.covariances)
            mixture = GaussianMixture(*(np.asarray(part, np.float64) for part in parts))
            keys = jax.random.split(run.key, problem.batch) if self.draw else None
            x = _posterior(
                mixture, jnp.asarray(A.T), jnp.asarray(y), jnp.asarray(problem.noise_std**2 + self.floor), keys
            )
            x = np.asarray(x, np.float32)
        return no_network(jnp.asarray(x).reshape(-1, *shape))


def _as_real(rows: np.ndarray) -> np.ndarray:
    flat = rows.reshape(rows.shape[0], -1)
    if np.iscomplexobj(flat):
        flat = np.concatenate([np.real(flat), np.imag(flat)], 1)
    return flat.astype(np.float64)


@eqx.filter_jit
def _posterior(mixture: GaussianMixture, A: Array, y: Array, variance: Array, keys: Any) -> Array:
    if keys is None:
        return jax.vmap(lambda y: linear_posterior(mixture, A, y, variance).mean)(y)
    return jax.vmap(lambda y, key: linear_posterior(mixture, A, y, variance).sample(key, 1)[0])(y, keys)
