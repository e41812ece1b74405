"""The games of Wasserstein GANs with gradient penalty and of the first GANs.

With rows `u`, their conditions `p`, generated rows `v = G(z, p)`, and `w = e u + (1 - e) v` with `e ~ U(0, 1)` a row,

    WGAN-GP:  L_D = mean D(v, p) - mean D(u, p) + lambda mean (|grad_w D(w, p)| - 1)^2,      L_G = -mean D(v, p)
    GAN:      L_D = mean softplus(D(v, p)) + mean softplus(-D(u, p)),      L_G = mean softplus(-D(v, p))
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import check_integer, check_number
from ._gan import AbstractGame

# Under the root of a squared norm, whose derivative at zero is not finite without it.
_TINY = 1e-12


class WassersteinGP(AbstractGame):
    """The Wasserstein game with a penalty on gradients of the critic that are not of length 1.

    The critic's loss estimates `-W_1` between generated and true rows, recorded as `"wasserstein"`; the unweighted mean
    of `(|grad| - 1)^2` as `"penalty"`. The gradient is with respect to the rows only, not to their conditions.

    **Arguments:** `latent`: size of the noise; `penalty`: `lambda`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range.

    Source: Gulrajani et al. 2017, arXiv 1704.00028.

    >>> WassersteinGP(latent=3).noise(jax.random.key(0), 2).shape
    (2, 3)
    """

    latent: int = 16
    penalty: float = 10.0

    def __check_init__(self):
        check_integer("latent", self.latent, minimum=1)
        check_number("penalty", self.penalty, minimum=0.0)

    def critic_loss(self, critic, fake: Array, u: Array, p: Array, key) -> tuple[Array, dict[str, Array]]:
        e = jax.random.uniform(key, (len(u), 1))
        w = e * u + (1.0 - e) * fake
        slopes = jax.grad(lambda w: critic(w, p).sum())(w)
        penalty = jnp.mean((jnp.sqrt(jnp.square(slopes).sum(-1) + _TINY) - 1.0) ** 2)
        gap = critic(u, p).mean() - critic(fake, p).mean()
        return self.penalty * penalty - gap, {"wasserstein": gap, "penalty": penalty}

    def generator_loss(self, critic, fake: Array, p: Array) -> Array:
        return -critic(fake, p).mean()


class NonSaturating(AbstractGame):
    """The game of the first GANs with the generator's non-saturating loss, known to be unstable.

    **Arguments:** `latent`: size of the noise.

    **Raises:** `TypeError`, `ValueError` for a number out of range.

    Source: Goodfellow et al. 2014, arXiv 1406.2661.

    >>> NonSaturating().latent
    16
    """

    latent: int = 16

    def __check_init__(self):
        check_integer("latent", self.latent, minimum=1)

    def critic_loss(self, critic, fake: Array, u: Array, p: Array, key) -> tuple[Array, dict[str, Array]]:
        return jnp.mean(jax.nn.softplus(critic(fake, p)) + jax.nn.softplus(-critic(u, p))), {}

    def generator_loss(self, critic, fake: Array, p: Array) -> Array:
        return jnp.mean(jax.nn.softplus(-critic(fake, p)))
