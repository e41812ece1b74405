"""Adversarial training of the smoothed classifier.

Salman et al. 2019. With the noise `eps_1 ... eps_m` of a step and `p_j(x) = softmax(f(x + sigma eps_j))`,

    x' = argmax_{|x' - x| <= radius} -log mean_j p_j(x')(y)        by projected gradient steps
    L  = mean_j -log p_j(x')(y)                                     with the same noise
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ..perturb import gradient_in_ball
from ._fit_smoothed import AbstractSmoothedTraining
from ._noise import cross_entropy
from ._papers import SMOOTH_ADV


class SmoothAdv(AbstractSmoothedTraining):
    """Training on attacks of the smoothed classifier. Each step costs `attack_steps + 1` gradients on `draws` copies.

    **Arguments:** `sigma`: standard deviation of the noise; `radius`: of the attack in the Euclidean norm, both in the
    unit of the images; `draws`: `m`; `attack_steps`: of the attack, each `2 radius / attack_steps` long.

    **Returns:** a frozen method for `verify.fit_smoothed`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Salman et al. 2019, arXiv 1906.04584.

    >>> import jax, jax.numpy as jnp
    >>> from perturbax import verify
    >>> batch = (jnp.zeros((4, 2)), jnp.zeros(4, int))
    >>> loss, _ = verify.SmoothAdv(0.5).loss(lambda x: x, batch, jax.random.key(0))
    >>> bool(loss > 0.6931)
    True
    """

    sigma: float
    radius: float = 0.5
    draws: int = 2
    attack_steps: int = 4

    papers: ClassVar[tuple[Paper, ...]] = (SMOOTH_ADV,)

    def __check_init__(self):
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)
        check_number("radius", self.radius, minimum=0.0, exclusive=True)
        check_integer("draws", self.draws, minimum=1)
        check_integer("attack_steps", self.attack_steps, minimum=1)

    def loss(self, model: Any, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        x, labels = batch
        noise = self.sigma * jax.random.normal(key, (x.shape[0], self.draws, *x.shape[1:]), x.dtype)

        def attack(x: Array, noise: Array, label: Array) -> Array:
            def log_likelihood(x: Array, key: Any) -> Array:
                return jax.nn.logsumexp(-cross_entropy(model(x + noise), label))

            step_size = 2.0 / self.attack_steps
            return gradient_in_ball(
                log_likelihood, x, self.radius, key=key, steps=self.attack_steps, step_size=step_size
            )

        attacked = lax.stop_gradient(jax.vmap(attack)(x, noise, labels))
        scores = model((attacked[:, None] + noise).reshape(-1, *x.shape[1:]))
        loss = cross_entropy(scores, jnp.repeat(labels, self.draws)).mean()
        return loss, {"cross entropy": loss}
