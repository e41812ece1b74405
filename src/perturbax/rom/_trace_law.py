"""Conditional laws of standardised traces, and what fitting one gives."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, Result
from ._boundary_problem import Standardised


class AbstractTraceLaw(eqx.Module):
    """A law of traces `u` given parameters `p`, both standardised. A pytree: its draws can be compiled and batched."""

    @abc.abstractmethod
    def sample(self, key: Any, p: Float[Array, "n q"]) -> Float[Array, "n d"]:
        """One trace for each row of parameters."""


class FittedLaw(eqx.Module):
    """What a method finds: the `law`, `history` of the training by name, the `result`, and `stats`."""

    law: AbstractTraceLaw
    history: dict[str, np.ndarray] = eqx.field(default_factory=dict)
    result: Any = eqx.field(default_factory=lambda: Result.successful)
    stats: dict[str, Any] = eqx.field(default_factory=dict)


class AbstractGeneratorMethod(Method):
    """A method of `rom.boundary_generator`."""

    @abc.abstractmethod
    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """The law of the rows to fit; those set aside are for choices."""


def single(x: Any) -> Float[Array, "..."]:
    """An array in single precision; cast on the host, because JAX keeps traces by the type that comes to it."""
    return jnp.asarray(np.asarray(x, np.float32))


class NetworkLaw(AbstractTraceLaw):
    """A network `G(z, p)` of standard normal noise `z`."""

    network: Any
    latent: int = eqx.field(static=True)

    def sample(self, key: Any, p: Float[Array, "n q"]) -> Float[Array, "n d"]:
        return self.network(jax.random.normal(key, (len(p), self.latent)), p)


class ModalLaw(AbstractTraceLaw):
    """Scores `a = p A + z C` on modes in the rows of `modes`, with standard normal `z`."""

    modes: Float[Array, "N d"]
    slope: Float[Array, "q N"]
    root: Float[Array, "N N"]

    def sample(self, key: Any, p: Float[Array, "n q"]) -> Float[Array, "n d"]:
        return (p @ self.slope + jax.random.normal(key, (len(p), len(self.root))) @ self.root) @ self.modes


class CopulaLaw(AbstractTraceLaw):
    """Scores on modes whose normal scores are those of a `ModalLaw`; quantiles are interpolated in sorted tables."""

    modes: Float[Array, "N d"]
    slope: Float[Array, "q N"]
    root: Float[Array, "N N"]
    scores: Float[Array, "N n"]
    parameters: Float[Array, "q n"]

    def sample(self, key: Any, p: Float[Array, "n q"]) -> Float[Array, "n d"]:
        levels = (jnp.arange(self.scores.shape[1]) + 0.5) / self.scores.shape[1]
        rank = jax.vmap(lambda x, table: jnp.interp(x, table, levels), (1, 0), 1)
        normal = jax.scipy.special.ndtri(rank(p, self.parameters)) if p.shape[1] else p
        drawn = normal @ self.slope + jax.random.normal(key, (len(p), len(self.root))) @ self.root
        quantile = jax.vmap(lambda x, table: jnp.interp(x, levels, table), (1, 0), 1)
        return quantile(jax.scipy.special.ndtr(drawn), self.scores) @ self.modes


class StoredLaw(AbstractTraceLaw):
    """One of the traces with the nearest parameters."""

    traces: Float[Array, "n d"]
    parameters: Float[Array, "n q"]
    neighbours: int = eqx.field(static=True)

    def sample(self, key: Any, p: Float[Array, "m q"]) -> Float[Array, "m d"]:
        if self.parameters.shape[1] == 0:
            return self.traces[jax.random.randint(key, (len(p),), 0, len(self.traces))]

        def nearest(key: Any, one: Array) -> Array:
            distance = jnp.square(self.parameters - one).sum(1)
            return jax.lax.top_k(-distance, self.neighbours)[1][jax.random.randint(key, (), 0, self.neighbours)]

        return self.traces[jax.vmap(nearest)(jax.random.split(key, len(p)), p)]
