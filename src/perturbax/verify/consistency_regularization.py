"""Consistency regularisation: all noisy copies of an image should have one answer, and a decided one.

Jeong & Shin 2020. With `m` draws of the noise, `p_j = softmax(f(x + sigma eps_j))` and their mean `p`,

    L = mean_j -log p_j(y) + lambda mean_j KL(p || p_j) + eta H(p)
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._fit_smoothed import AbstractSmoothedTraining
from ._noise import cross_entropy, several
from ._papers import CONSISTENCY_REGULARIZATION, RRCM


class ConsistencyRegularization(AbstractSmoothedTraining):
    """Training on several noisy copies of each image with a penalty on how much their answers differ.

    From scratch a strong baseline; on a representation of `RRCM` its fine-tuning.

    **Arguments:** `sigma`: standard deviation of the noise, in the unit of the images; `consistency`, `entropy`:
    `lambda` and `eta`; `draws`: `m`. The sources take `lambda` 10 for `sigma` 0.25, 20 above, with `eta` 0.5.

    **Returns:** a frozen method for `verify.fit_smoothed`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Jeong & Shin 2020, arXiv 2006.04062; as fine-tuning Lei et al. 2025, arXiv 2501.13094.

    >>> import jax, jax.numpy as jnp
    >>> from perturbax import verify
    >>> batch = (jnp.zeros((4, 2)), jnp.zeros(4, int))
    >>> loss, terms = verify.ConsistencyRegularization(0.5).loss(jnp.zeros_like, batch, jax.random.key(0))
    >>> [round(float(term), 4) for term in terms.values()]
    [0.6931, 0.0, 0.3466]
    """

    sigma: float
    consistency: float = 10.0
    entropy: float = 0.5
    draws: int = 2

    papers: ClassVar[tuple[Paper, ...]] = (CONSISTENCY_REGULARIZATION, RRCM)

    def __check_init__(self):
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)
        check_number("consistency", self.consistency, minimum=0.0)
        check_number("entropy", self.entropy, minimum=0.0)
        check_integer("draws", self.draws, minimum=2)

    def loss(self, model: Any, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        x, labels = batch
        scores = several(model, x, self.sigma, self.draws, key)
        log_p_j = jax.nn.log_softmax(scores)
        log_p = jax.nn.logsumexp(log_p_j, 0) - jnp.log(self.draws)
        p = jnp.exp(log_p)
        terms = {
            "cross entropy": cross_entropy(scores, labels).mean(),
            "consistency": self.consistency * jnp.mean(jnp.sum(p * (log_p - log_p_j), -1)),
            "entropy": self.entropy * jnp.mean(-jnp.sum(p * log_p, -1)),
        }
        return sum(terms.values(), jnp.zeros(())), terms
