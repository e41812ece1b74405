"""Gaussian augmentation: the cross entropy at images with the noise that is certified with.

L = -log softmax(f(x + sigma eps))_y,    eps ~ N(0, I)
"""

from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float

from ..core import Paper, check_number
from ._fit_smoothed import AbstractSmoothedTraining
from ._noise import cross_entropy
from ._papers import RANDOMIZED_SMOOTHING


class GaussianAugmentation(AbstractSmoothedTraining):
    """Training on noisy images, the plain baseline.

    **Arguments:** `sigma`: standard deviation of the noise, in the unit of the images.

    **Returns:** a frozen method for `verify.fit_smoothed`.

    **Raises:** `ValueError` when `sigma` is not positive.

    Source: Cohen, Rosenfeld & Kolter 2019, arXiv 1902.02918.

    >>> import jax, jax.numpy as jnp
    >>> from perturbax import verify
    >>> batch = (jnp.zeros((4, 2)), jnp.zeros(4, int))
    >>> loss, _ = verify.GaussianAugmentation(0.5).loss(jnp.zeros_like, batch, jax.random.key(0))
    >>> round(float(loss), 4)
    0.6931
    """

    sigma: float

    papers: ClassVar[tuple[Paper, ...]] = (RANDOMIZED_SMOOTHING,)

    def __check_init__(self):
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)

    def loss(self, model: Any, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        x, labels = batch
        loss = cross_entropy(model(x + self.sigma * jax.random.normal(key, x.shape)), labels).mean()
        return loss, {"cross entropy": loss}
