r"""The likelihood of a latent variable model `X = f(Z) + sigma E`, which is an integral over the latent variable.

    p(x) = E_Z N(x; f(Z), sigma^2 I_D)

By quadrature over the cube for one or two latent dimensions, else by importance sampling from an encoder.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer
from ._latent import AbstractLatent
from ._sieve import AbstractSieve


class AbstractLatentLikelihood(eqx.Module):
    """An estimator of `log p(x)`."""

    @abc.abstractmethod
    def encoder(self, sieve: AbstractSieve, latent: AbstractLatent, size: int, key: Any) -> Any:
        """What the estimator has to learn besides the generator, from the same sieve; `None` when nothing."""

    @abc.abstractmethod
    def log_density(
        self,
        x: Float[Array, "n D"],
        generator: Callable,
        encoder: Any,
        latent: AbstractLatent,
        sigma: Float[Array, ""],
        key: Any,
    ) -> Float[Array, " n"]:
        """An estimate of `log p(x)` whose exponential is unbiased; without a `key` always the same."""


class Quadrature(AbstractLatentLikelihood):
    """One latent point in each of `K` equal cells of the cube, drawn anew in every step:

        log p(x) = logsumexp_k(-|x - f(z_k)|^2 / (2 sigma^2)) - log K - D/2 log(2 pi sigma^2)

    For one or two latent dimensions, and a `sigma` that is not much smaller than the gaps between the `f(z_k)`. The
    cost of a batch `B` is that of one product of matrices of sizes `(B, D)` and `(D, K)`.

    **Arguments:** `points`: `K`, rounded down to a power of an integer; 256 are enough for one dimension, 4096 for two.

    **Raises:** `ValueError` when there are fewer than 2.

    >>> Quadrature(512).points
    512
    """

    points: int = 256

    def __check_init__(self):
        check_integer("points", self.points, minimum=2)

    def encoder(self, sieve: AbstractSieve, latent: AbstractLatent, size: int, key: Any) -> None:
        return None

    def log_density(
        self,
        x: Float[Array, "n D"],
        generator: Callable,
        encoder: Any,
        latent: AbstractLatent,
        sigma: Float[Array, ""],
        key: Any,
    ) -> Float[Array, " n"]:
        nodes = generator(latent.stratified(key, self.points))
        crossed = jnp.matmul(x, nodes.T, precision="highest")
        squares = jnp.square(x).sum(-1)[:, None] - 2.0 * crossed + jnp.square(nodes).sum(-1)
        kernel = -jnp.maximum(squares, 0.0) / (2.0 * jnp.square(sigma))
        return jax.nn.logsumexp(kernel, axis=1) - math.log(len(nodes)) - _log_volume(sigma, x.shape[1])


class ImportanceWeighted(AbstractLatentLikelihood):
    """Importance sampling from an encoder `q(w | x) = N(m(x), diag s(x)^2)` in the normal space of the latent variable,

        log p(x) >= E log (1/K) sum_k p(x | w_k) p(w_k) / q(w_k | x),    w_k ~ q(w | x)

    which is learned along. `ImportanceWeighted(1)` is the evidence lower bound, and the model then a variational
    autoencoder; the bound gets tighter with `K`. For any number of latent dimensions.

    **Arguments:** `samples`: `K`.

    **Raises:** `ValueError` when there are none.

    >>> ImportanceWeighted(5).samples
    5
    """

    samples: int = 10

    def __check_init__(self):
        check_integer("samples", self.samples, minimum=1)

    def encoder(self, sieve: AbstractSieve, latent: AbstractLatent, size: int, key: Any) -> Callable:
        return sieve.draw(key, size, 2 * latent.dimension)

    def log_density(
        self,
        x: Float[Array, "n D"],
        generator: Callable,
        encoder: Any,
        latent: AbstractLatent,
        sigma: Float[Array, ""],
        key: Any,
    ) -> Float[Array, " n"]:
        mean, log_scale = jnp.split(encoder(x), 2, axis=-1)
        key = jax.random.key(0) if key is None else key
        noise = jax.random.normal(key, (self.samples, *mean.shape), x.dtype)
        w = mean + jnp.exp(log_scale) * noise
        gap = jnp.square(x - generator(latent.of_normal(w))).sum(-1)
        ratio = 0.5 * jnp.square(noise).sum(-1) - 0.5 * jnp.square(w).sum(-1) + log_scale.sum(-1)
        weights = ratio - gap / (2.0 * jnp.square(sigma))
        return jax.nn.logsumexp(weights, axis=0) - math.log(self.samples) - _log_volume(sigma, x.shape[1])


def _log_volume(sigma: Float[Array, ""], size: int) -> Float[Array, ""]:
    return size * (jnp.log(sigma) + 0.5 * math.log(2.0 * math.pi))
