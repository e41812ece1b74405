"""How instance noise is put on the data while a likelihood is maximised."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_number


class AbstractInstanceNoise(eqx.Module):
    """Which noise is on a batch at a moment of training.

    `tied` says that the model's own noise has the same standard deviation, instead of being learned; then it must not
    be 0.
    """

    tied: ClassVar[bool] = False

    @abc.abstractmethod
    def level(self, sigma: Float[Array, ""], progress: Float[Array, ""]) -> Float[Array, ""]:
        """The standard deviation when the share `progress` of the steps is made; `sigma` at the end."""

    def draw(self, kept: Float[Array, "batch d"], key: Any) -> Float[Array, "batch d"]:
        """Standard normal noise for a batch; `kept` was drawn once for these rows."""
        return jax.random.normal(key, kept.shape, kept.dtype)


class NoiseOnce(AbstractInstanceNoise):
    """The data is perturbed once, before training, as in the theorems of Chae et al. 2023.

    >>> NoiseOnce().tied
    False
    """

    def level(self, sigma: Float[Array, ""], progress: Float[Array, ""]) -> Float[Array, ""]:
        return sigma

    def draw(self, kept: Float[Array, "batch d"], key: Any) -> Float[Array, "batch d"]:
        return kept


class FreshNoise(AbstractInstanceNoise):
    """New noise in every step, also known as instance noise: the likelihood is averaged over perturbations.

    >>> FreshNoise().tied
    False
    """

    def level(self, sigma: Float[Array, ""], progress: Float[Array, ""]) -> Float[Array, ""]:
        return sigma


class AnnealedNoise(AbstractInstanceNoise):
    """New noise in every step, whose standard deviation falls geometrically to `sigma`; the model's is tied to it.

    With much noise the likelihood has few local optima, and the generator follows the data as it gets sharper.

    **Arguments:** `start`: standard deviation at the beginning, in the unit of `sigma`; `share`: of the steps after
    which `sigma` is reached.

    **Raises:** `ValueError` when they are not positive, or `share` is above 1.

    >>> AnnealedNoise(share=0.5).level(jnp.array(0.25), jnp.array(0.25)).item()
    0.5
    """

    start: float = 1.0
    share: float = 0.6

    tied: ClassVar[bool] = True

    def __check_init__(self):
        check_number("start", self.start, minimum=0.0, exclusive=True)
        check_number("share", self.share, minimum=0.0, maximum=1.0)
        if self.share == 0.0:
            raise ValueError("share must be > 0; for noise that does not change use FreshNoise()")

    def level(self, sigma: Float[Array, ""], progress: Float[Array, ""]) -> Float[Array, ""]:
        # Never from below: a sigma above the start stays as it is.
        start = jnp.maximum(self.start, sigma)
        return start * (sigma / start) ** jnp.minimum(progress / self.share, 1.0)
