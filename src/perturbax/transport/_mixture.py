r"""Bridges whose adjusted Schrödinger potential is a mixture of Gaussians: everything about them is explicit.

With `v(y) = sum_k alpha_k N(y; r_k, eps S_k)` and the Brownian reference the plan is

    pi(y | x) = sum_k w_k(x) N(y; r_k + S_k x, eps S_k)
    w(x) = softmax_k(log alpha_k + (x' S_k x + 2 r_k' x) / (2 eps))

and `h(x, t) = int N(y; x, eps (1 - t)) v(y) exp(|y|^2 / (2 eps)) dy` is again explicit. Completing the square, and with
`Q_k = t S_k + (1 - t) I`, in which nothing diverges at either end,

    log h(x, t) = logsumexp_k l_k(x, t) - d/2 log(2 pi eps)
    l_k(x, t) = log alpha_k - 1/2 log det Q_k
                + [x' (S_k - I) Q_k^{-1} x + 2 r_k' Q_k^{-1} x - t r_k' Q_k^{-1} r_k] / (2 eps)
    g(x, t) = eps grad log h = sum_k softmax_k(l)_k Q_k^{-1} ((S_k - I) x + r_k)

The drift of Korotin et al. 2024 is this with the terms that cancel written out.

Both ends may be shifted by their means `m_0` and `m_1`, so that numbers stay small: `x` is then
`x - (1 - t) m_0 - t m_1` and `y` is `y - m_1`, the drift gains `m_1 - m_0`, and `log h` gains
`(m_1 - m_0)' x / eps + (1 - t) |m_1 - m_0|^2 / (2 eps)`.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_number
from ..stats import GaussianMixture
from ._bridge import Bridge, closed_form
from ._door import settle
from ._process import AbstractPlanProcess
from ._reference import AbstractLinearReference, Brownian


class MixtureProcess(AbstractPlanProcess):
    """A bridge with a mixture of Gaussians as potential, around Brownian motion.

    `eigenvalues` are those of `S_k`, in the basis `eigenvectors`, or in that of the coordinates.
    """

    log_alpha: Float[Array, " k"]
    centres: Float[Array, "k d"]
    eigenvalues: Float[Array, "k d"]
    eigenvectors: Float[Array, "k d d"] | None
    start: Float[Array, " d"]
    end: Float[Array, " d"]
    epsilon: Float[Array, ""]
    reference: AbstractLinearReference = Brownian()

    @property
    def size(self) -> int:
        return self.centres.shape[1]

    @eqx.filter_jit
    def weights(self, x: Array) -> Float[Array, "*batch k"]:
        """`w(x)`, which component a start goes to."""
        terms = log_terms(*self._rotated(x - self.start), self.eigenvalues, self.epsilon, 0.0)
        return jax.nn.softmax(self.log_alpha + terms)

    @eqx.filter_jit
    def sample(self, key: Any, x: Array) -> Float[Array, "n d"]:
        which_key, noise_key = jax.random.split(key)
        centred = x - self.start
        which = jax.random.categorical(which_key, jnp.log(self.weights(x)))
        values, z = self.eigenvalues[which], jnp.sqrt(self.epsilon) * jax.random.normal(noise_key, x.shape, x.dtype)
        if self.eigenvectors is None:
            stretched = values * centred + jnp.sqrt(values) * z
        else:
            basis = self.eigenvectors[which]
            along = jnp.einsum("nij,ni->nj", basis, centred)
            stretched = jnp.einsum("nij,nj->ni", basis, values * along + jnp.sqrt(values) * z)
        return self.end + self.centres[which] + stretched

    def plan(self, x: Array) -> GaussianMixture:
        # A mixture asks for positive weights: one that is too small for a float stands for nothing as the smallest.
        weights = jnp.maximum(self.weights(x), jnp.finfo(x.dtype).tiny)
        return GaussianMixture(weights, self._means(x), self.epsilon * self.covariances)

    @property
    def covariances(self) -> Float[Array, "k d d"] | Float[Array, "k d"]:
        """`S_k`, or their diagonals."""
        if self.eigenvectors is None:
            return self.eigenvalues
        return (self.eigenvectors * self.eigenvalues[:, None, :]) @ self.eigenvectors.swapaxes(1, 2)

    @eqx.filter_jit
    def moments(self, x: Array) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
        weights, means = self.weights(x), self._means(x)
        mean = jnp.einsum("nk,nki->ni", weights, means)
        centred = means - mean[:, None, :]
        within = self.covariances if self.eigenvectors is not None else jax.vmap(jnp.diag)(self.eigenvalues)
        between = jnp.einsum("nk,nki,nkj->nij", weights, centred, centred, optimize=True)
        return mean, between + self.epsilon * jnp.einsum("nk,kij->nij", weights, within)

    @eqx.filter_jit
    def drift(self, x: Array, t: Array) -> Float[Array, "*batch d"]:
        along, centres = self._rotated(self._centred(x, t))
        values = self.eigenvalues
        share = jax.nn.softmax(self.log_alpha + log_terms(along, centres, values, self.epsilon, t))
        pull = share[..., None] * ((values - 1.0) * along + centres) / _spread(values, t)
        if self.eigenvectors is not None:
            pull = jnp.einsum("kij,...kj->...ki", self.eigenvectors, pull)
        return self.end - self.start + pull.sum(-2)

    @eqx.filter_jit
    def log_potential(self, x: Array, t: Array) -> Float[Array, "*batch"]:
        terms = self.log_alpha + log_terms(*self._rotated(self._centred(x, t)), self.eigenvalues, self.epsilon, t)
        move = self.end - self.start
        moved = (x @ move + 0.5 * (1.0 - t) * (move @ move)) / self.epsilon
        return jax.nn.logsumexp(terms, axis=-1) + moved - 0.5 * self.size * jnp.log(2.0 * math.pi * self.epsilon)

    def _centred(self, x: Array, t: Any) -> Array:
        t = jnp.asarray(t)[..., None]
        return x - (1.0 - t) * self.start - t * self.end

    def _rotated(self, x: Array) -> tuple[Array, Array]:
        """Points of shape `(..., 1 or k, d)` and the centres, in the bases of the components."""
        if self.eigenvectors is None:
            return x[..., None, :], self.centres
        return (
            jnp.einsum("...i,kij->...kj", x, self.eigenvectors),
            jnp.einsum("ki,kij->kj", self.centres, self.eigenvectors),
        )

    def _means(self, x: Array) -> Float[Array, "*batch k d"]:
        along, _ = self._rotated(x - self.start)
        stretched = self.eigenvalues * along
        if self.eigenvectors is not None:
            stretched = jnp.einsum("kij,...kj->...ki", self.eigenvectors, stretched)
        return self.end + self.centres + stretched


def log_terms(x: Array, centres: Array, values: Array, epsilon: Any, t: Any) -> Float[Array, "*batch k"]:
    """`l_k(x, t) - log alpha_k` with diagonal `S_k`: `x` of shape `(..., 1 or k, d)`, `values` the diagonals."""
    t = jnp.asarray(t)[..., None, None]
    spread = t * values + (1.0 - t)
    # x (S - I) x + 2 r x - t r^2 with the squares of differences kept together: at t = 1 a small S divides them.
    exponent = values * jnp.square(x) - jnp.square(x - centres) + (1.0 - t) * jnp.square(centres)
    return (exponent / spread).sum(-1) / (2.0 * epsilon) - 0.5 * jnp.log(spread).sum(-1)


def _spread(values: Array, t: Any) -> Array:
    t = jnp.asarray(t)[..., None, None]
    return t * values + (1.0 - t)


def bridge_of_mixture(log_alpha: Any, centres: Any, covariances: Any, epsilon: float) -> Bridge:
    """The bridge with the potential `v(y) = sum_k alpha_k N(y; r_k, eps S_k)`: a true one to measure solvers against.

    Whatever the first distribution is, starts from it together with their `sample` are draws of an entropic optimal
    plan that is known, so that errors of solvers for the two sets of samples can be told exactly.

    **Arguments:** `log_alpha`: shape `(k,)`; `centres`: `r`, shape `(k, d)`; `covariances`: `S`, shape `(k, d, d)`,
    symmetric positive definite, or `(k, d)`, positive diagonals; `epsilon`: variance of the Brownian reference.

    **Returns:** a `Bridge`.

    **Raises:** `ValueError` when shapes disagree or a value is not what it should be.

    Source: Gushchin et al. 2023 (the benchmark of entropic transport); Korotin et al. 2024 (the plan).

    >>> truth = bridge_of_mixture([0.0, 0.0], [[-4.0], [4.0]], [[0.5], [0.5]], epsilon=1.0)
    >>> truth.moments([[0.0], [2.0]])[0].round(3).tolist()
    [[0.0], [5.0]]
    """
    epsilon = check_number("epsilon", epsilon, minimum=0.0, exclusive=True)
    # The mixture checks shapes, symmetry and definiteness, and decomposes.
    checked = GaussianMixture(np.ones(np.shape(centres)[:1]), centres, covariances)
    log_alpha = check_array("log_alpha", log_alpha, shape=(checked.means.shape[0],))
    zero = jnp.zeros_like(checked.means[0])
    process = MixtureProcess(
        log_alpha=settle(log_alpha),
        centres=checked.means,
        eigenvalues=checked.eigenvalues,
        eigenvectors=checked.eigenvectors,
        start=zero,
        end=zero,
        epsilon=settle(epsilon),
    )
    return closed_form(process)
