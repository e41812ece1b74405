"""Training of a denoiser for a classifier that stays as it is.

Salman et al. 2020. With a denoiser `D`, a classifier `f` and noisy images `x + sigma eps`, the mean squared error and
the stability of the answer are

    L = reconstruction |D(x + sigma eps) - x|^2 / d - stability log softmax(f(D(x + sigma eps)))_c,   c = argmax f(x)
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_number
from ._fit_smoothed import AbstractSmoothedTraining
from ._noise import cross_entropy
from ._papers import DENOISED_SMOOTHING
from ._smoothed import Denoised


class DenoisedSmoothing(AbstractSmoothedTraining):
    """Training of the denoiser of a `Denoised`, without labels. The noise is that of the `Denoised`.

    **Arguments:** `reconstruction`, `stability`: weights of the two terms.

    **Returns:** a frozen method for `verify.fit_smoothed`.

    **Raises:** `ValueError` when a weight is negative or both are 0.

    Source: Salman et al. 2020, arXiv 2003.01908.

    >>> import jax, jax.numpy as jnp
    >>> from perturbax import verify
    >>> network = verify.Denoised(lambda x, sigma: 0.0 * x, lambda x: x, sigma=0.5)
    >>> loss, terms = verify.DenoisedSmoothing().loss(network, (jnp.ones((4, 2)),), jax.random.key(0))
    >>> [round(float(term), 4) for term in terms.values()]
    [1.0, 0.6931]
    """

    reconstruction: float = 1.0
    stability: float = 1.0

    labelled: ClassVar[bool] = False
    papers: ClassVar[tuple[Paper, ...]] = (DENOISED_SMOOTHING,)

    def __check_init__(self):
        check_number("reconstruction", self.reconstruction, minimum=0.0)
        check_number("stability", self.stability, minimum=0.0)
        if self.reconstruction == self.stability == 0.0:
            raise ValueError("reconstruction or stability must be > 0, got 0 for both")

    def begin(self, network: Any, x: Array, steps: int, batch_size: int, key: Any) -> Any:
        return check_instance("network", network, Denoised, "a verify.Denoised")

    def trained(self, model: Denoised) -> Any:
        everything = jax.tree.map(lambda _: True, model.denoiser)
        return eqx.tree_at(lambda model: model.denoiser, jax.tree.map(lambda _: False, model), everything)

    def loss(self, model: Denoised, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        (x,) = batch
        denoised = model.denoiser(x + model.sigma * jax.random.normal(key, x.shape, x.dtype), model.sigma)
        labels = model.classifier(x).argmax(-1)
        terms = {
            "reconstruction": self.reconstruction * jnp.mean(jnp.square(denoised - x)),
            "stability": self.stability * cross_entropy(model.classifier(denoised), labels).mean(),
        }
        return sum(terms.values(), jnp.zeros(())), terms
