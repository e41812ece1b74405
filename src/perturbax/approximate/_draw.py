"""How the hidden weights of random nets are drawn: neuron `i` is `s(a_i.x - b_i)` on the box `[0, 1]^m`.

    Symmetric    a ~ U[-lam, lam]^m,   b ~ U[-lam, lam]
    Support      a ~ U[-lam, lam]^m,   b = a.x_0 with x_0 ~ U[0, 1]^m: every transition lies within the data
    Fourier      a ~ U[-lam, lam]^m,   b ~ U[0, 2 pi]
    Normal       a ~ N(0, lam^2 I),    b ~ U[0, 2 pi]
    Informed     (a, b) as by Symmetric, resampled in proportion to |R[f](a, b)|

with the ridgelet transform `R[f](a, b) = int f(x) psi(a.x - b) dx`, whose integral is the mean over the data.
"""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer
from ._ridgelet import dual_wavelet

Weights = tuple[Float[Array, "width m"], Float[Array, " width"]]


class AbstractDraw(eqx.Module):
    """A law of hidden weights with a bandwidth `lam`."""

    @abc.abstractmethod
    def __call__(
        self, key: Array, width: int, bandwidth: Array, x: Float[Array, "N m"], y: Float[Array, "N k"]
    ) -> Weights:
        """`a` of shape `(width, m)` and `b` of shape `(width,)`."""


class Symmetric(AbstractDraw):
    """Uniform in the band, as in the paper: `a` in `[-lam, lam]^m` and `b` in `[-lam, lam]`.

    Source: Li et al. 2023, arXiv 2008.08427.

    >>> a, b = Symmetric()(jax.random.key(0), 5, 3.0, jnp.zeros((4, 2)), jnp.zeros((4, 1)))
    >>> a.shape, bool((jnp.abs(b) <= 3.0).all())
    ((5, 2), True)
    """

    def __call__(self, key, width, bandwidth, x, y):
        a_key, b_key = jax.random.split(key)
        a = bandwidth * jax.random.uniform(a_key, (width, x.shape[1]), x.dtype, -1.0, 1.0)
        return a, bandwidth * jax.random.uniform(b_key, (width,), x.dtype, -1.0, 1.0)


class Support(AbstractDraw):
    """Slopes in the band, and every transition at a point of the box: no neuron is wasted outside of the data.

    >>> a, b = Support()(jax.random.key(0), 5, 3.0, jnp.zeros((4, 1)), jnp.zeros((4, 1)))
    >>> bool(((b / a[:, 0] >= 0.0) & (b / a[:, 0] <= 1.0)).all())
    True
    """

    def __call__(self, key, width, bandwidth, x, y):
        a_key, x_key = jax.random.split(key)
        a = bandwidth * jax.random.uniform(a_key, (width, x.shape[1]), x.dtype, -1.0, 1.0)
        return a, jnp.sum(a * jax.random.uniform(x_key, a.shape, x.dtype), 1)


class Fourier(AbstractDraw):
    """Frequencies in the band with a phase, for the activation `jnp.cos`."""

    def __call__(self, key, width, bandwidth, x, y):
        a_key, b_key = jax.random.split(key)
        a = bandwidth * jax.random.uniform(a_key, (width, x.shape[1]), x.dtype, -1.0, 1.0)
        return a, jax.random.uniform(b_key, (width,), x.dtype, 0.0, 2.0 * math.pi)


class Normal(AbstractDraw):
    """Normal frequencies with a phase, for the activation `jnp.cos`: the features of a Gaussian kernel."""

    def __call__(self, key, width, bandwidth, x, y):
        a_key, b_key = jax.random.split(key)
        a = bandwidth * jax.random.normal(a_key, (width, x.shape[1]), x.dtype)
        return a, jax.random.uniform(b_key, (width,), x.dtype, 0.0, 2.0 * math.pi)


class Informed(AbstractDraw):
    """Weights where the ridgelet spectrum of the data is large: of many candidates of `Symmetric`, drawn without
    replacement in proportion to `|R[f](a, b)|`.

    The wavelet is the dual of a Gaussian bump; for sigmoids it is a heuristic.

    **Arguments:** `pool`: candidates for each neuron.

    **Raises:** `ValueError` when there are fewer than 2.

    Source: the idea of an oracle distribution, Li et al. 2023, arXiv 2008.08427, and the papers that it names.

    >>> a, b = Informed()(jax.random.key(0), 5, 3.0, jnp.zeros((4, 2)), jnp.ones((4, 1)))
    >>> a.shape, b.shape
    ((5, 2), (5,))
    """

    pool: int = 10

    def __check_init__(self):
        check_integer("pool", self.pool, minimum=2)

    def __call__(self, key, width, bandwidth, x, y):
        draw_key, choice_key = jax.random.split(key)
        a, b = Symmetric()(draw_key, self.pool * width, bandwidth, x, y)
        spectrum = jnp.linalg.norm(dual_wavelet(x @ a.T - b).T @ (y - y.mean(0)), axis=1)
        # Where the spectrum vanishes, such as for a constant target, all are as good.
        weights = spectrum + jnp.where(spectrum.max() > 0.0, 1e-12 * spectrum.max(), 1.0)
        # The largest of log-weights with Gumbel noise are a draw without replacement.
        chosen = jax.lax.top_k(jnp.log(weights) + jax.random.gumbel(choice_key, weights.shape, x.dtype), width)[1]
        return a[chosen], b[chosen]
