"""The posterior of a Gaussian mixture given linear measurements, exactly.

With `x ~ sum_k w_k N(m_k, C_k)` and `y = A x + n`, `n ~ N(0, s^2 I)`, component `k` has

    S_k = A C_k A' + s^2 I,    G_k = C_k A' S_k^{-1},    mean m_k + G_k (y - A m_k),    covariance C_k - G_k A C_k,

and the weight `w_k N(y; A m_k, S_k)`, normalised. Complex measurements are two real ones.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, Result, check_instance, check_number, float64
from ..stats import GaussianMixture
from ._restore import AbstractRestoration, InverseProblem, Restored


class ExactPosterior(AbstractRestoration):
    """The oracle for priors that are Gaussian mixtures: the posterior mean, above which no method can be in the mean
    squared error, or a draw. The prior's network is not called. Computed in float64 with a dense operator.

    **Arguments:** `mixture`: the prior; `draw`: a sample of the posterior instead of its mean, which is another
    question to the same exact answer and no other way to it; `floor`: added to the variance of the noise.

    **Returns:** a frozen method for `diffusion.restore`.

    **Raises:** `TypeError` when `mixture` is something else; `ValueError` when `floor` is negative or, when used, sizes
    do not fit.

    Source: Bishop 2006, equations 2.113 to 2.117.

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

    def solve(self, problem: InverseProblem, key: Any, x_T: Any) -> Restored:
        """See `diffusion.restore`."""
        shape = problem.prior.shape
        d = int(np.prod(shape))
        means = np.asarray(self.mixture.means, np.float64)
        if means.shape[1] != d:
            raise ValueError(f"mixture has {means.shape[1]} dimensions, an image has {d}")
        columns = jax.vmap(problem.operator)(jnp.eye(d).reshape(d, *shape))
        A, y = (_as_real(np.asarray(z)) for z in (columns, problem.y))
        covariances = np.asarray(self.mixture.covariances, np.float64)
        if covariances.ndim == 2:
            covariances = covariances[:, :, None] * np.eye(d)
        with float64():
            x = _posterior(
                *(jnp.asarray(a) for a in (A.T, y, np.asarray(self.mixture.weights, np.float64), means, covariances)),
                problem.noise_std**2 + self.floor,
                key if self.draw else None,
            )
            x = np.asarray(x, np.float32)
        stats = {"evaluations": 0, "network_gradients": 0}
        return Restored(jnp.asarray(x).reshape(-1, *shape), Result.successful, stats)


def _as_real(rows: np.ndarray) -> np.ndarray:
    flat = rows.reshape(rows.shape[0], -1)
    if np.iscomplexobj(flat):
        flat = np.concatenate([np.real(flat), np.imag(flat)], 1)
    return flat.astype(np.float64)


@jax.jit
def _posterior(A: Any, y: Any, weights: Any, means: Any, covariances: Any, variance: Any, key: Any) -> Any:
    cross = covariances @ A.T
    S = A @ cross + variance * jnp.eye(A.shape[0])
    root = jnp.linalg.cholesky(S)
    offset = y[:, None] - means @ A.T
    half = jax.vmap(lambda L, r: jax.scipy.linalg.solve_triangular(L, r.T, lower=True).T, (0, 1), 1)(root, offset)
    log_density = -0.5 * jnp.square(half).sum(-1) - jnp.log(jnp.diagonal(root, axis1=1, axis2=2)).sum(-1)
    share = jax.nn.softmax(jnp.log(weights) + log_density, axis=1)
    gain = jax.vmap(lambda L, c: jax.scipy.linalg.cho_solve((L, True), c.T).T)(root, cross)
    at = means + jnp.einsum("kdm,nkm->nkd", gain, offset)
    if key is None:
        return jnp.einsum("nk,nkd->nd", share, at)
    pick_key, noise_key = jax.random.split(key)
    k = jax.random.categorical(pick_key, jnp.log(share))
    left = covariances - gain @ jnp.swapaxes(cross, 1, 2)
    values, vectors = jnp.linalg.eigh(0.5 * (left + jnp.swapaxes(left, 1, 2)))
    spread = vectors * jnp.sqrt(jnp.maximum(values, 0.0))[:, None]
    z = jax.random.normal(noise_key, at[:, 0].shape)
    chosen = jnp.take_along_axis(at, k[:, None, None], 1)[:, 0]
    return chosen + jnp.einsum("nij,nj->ni", spread[k], z)
