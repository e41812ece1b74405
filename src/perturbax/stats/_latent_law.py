"""The law that a generator makes of a latent variable."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._fit_distribution import AbstractGeneratedLaw
from ._latent import AbstractLatent
from ._latent_likelihood import AbstractLatentLikelihood

# Over how many rows at a time a density is computed, so that its table of nodes stays small.
_ROWS = 1024


class LatentLaw(AbstractGeneratedLaw):
    """The law of `centre + scale f(Z)`; its density is that with noise."""

    generator: Callable
    encoder: Any
    latent: AbstractLatent
    likelihood: AbstractLatentLikelihood
    sigma: Float[Array, ""]
    centre: Float[Array, " D"]
    scale: Float[Array, " D"]

    @property
    def size(self) -> int:
        return self.centre.size

    @property
    def dimension(self) -> int:
        return self.latent.dimension

    @eqx.filter_jit
    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        return self.generate(self.latent.sample(key, n))

    @eqx.filter_jit
    def generate(self, z: Float[Array, "n d"]) -> Float[Array, "n D"]:
        return self.centre + self.scale * self.generator(z)

    @eqx.filter_jit
    def log_density(self, x: Float[Array, "n D"]) -> Float[Array, " n"]:
        def one(row: Array) -> Array:
            arguments = self.generator, self.encoder, self.latent, self.sigma, None
            return self.likelihood.log_density(row[None], *arguments)[0]

        return jax.lax.map(one, (x - self.centre) / self.scale, batch_size=_ROWS) - jnp.log(self.scale).sum()
