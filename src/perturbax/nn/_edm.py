"""The preconditioning and the training loss of EDM, which make a network a denoiser of every noise level.

    D(x; sigma) = c_skip x + c_out F(c_in x; c_noise),          s = sigma_data
    c_skip = s^2 / (sigma^2 + s^2),  c_out = sigma s / sqrt(sigma^2 + s^2),  c_in = 1 / sqrt(sigma^2 + s^2),
    c_noise = log(sigma) / 4

The loss is `E |F - target|^2` over `log sigma ~ N(m, v^2)`: the network's inputs and targets have unit variance.

Source: Karras et al. 2022, table 1 and section 5.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import check_number


class EDMPreconditioned(eqx.Module):
    """A denoiser `(x, sigma, label=None) -> E[x_0 | x_0 + sigma z = x]` made of a network.

    **Arguments:** `network`: `(x, level, label) -> y` with `y` like `x`; `sigma_data`: standard deviation of the data
    around its mean; `centre`: the mean of the data, a number or of shape `(d,)`.

    **Raises:** `ValueError` when `sigma_data` is not positive.

    >>> denoiser = EDMPreconditioned(lambda x, level, label: 0.0 * x, sigma_data=1.0)
    >>> denoiser(jnp.ones((1, 2)), 1.0).round(3).tolist()
    [[0.5, 0.5]]
    """

    network: Callable
    sigma_data: float
    centre: Any = 0.0

    def __check_init__(self):
        check_number("sigma_data", self.sigma_data, minimum=0.0, exclusive=True)

    def __call__(self, x: Any, sigma: Any, label: Any = None) -> Float[Array, "*batch d"]:
        """**Arguments:** `x`: shape `(..., d)`; `sigma`: not negative, a scalar or one per point; `label`: an integer
        or one per point, -1 for unconditional.

        **Returns:** the denoised points; at `sigma = 0` they are `x`.
        """
        x = jnp.asarray(x)
        sigma = jnp.asarray(sigma, x.dtype)[..., None]
        label = None if label is None else jnp.asarray(label, jnp.int32)
        total = jnp.sqrt(sigma**2 + self.sigma_data**2)
        # The level enters through a bounded sine basis: below 1e-8 it has no effect but must stay finite.
        level = jnp.log(jnp.maximum(sigma, 1e-8))[..., 0] / 4.0
        centred = x - self.centre
        output = self.network(centred / total, level, label)
        return self.centre + (self.sigma_data / total) ** 2 * centred + sigma * self.sigma_data / total * output


def edm_loss(
    denoiser: EDMPreconditioned,
    x: Float[Array, "batch d"],
    label: Int[Array, " batch"] | None,
    key: PRNGKeyArray,
    *,
    log_sigma_mean: float = -1.2,
    log_sigma_std: float = 1.2,
    drop_label: float = 0.1,
    noise: Callable[..., Array] = jax.random.normal,
    target: Callable[..., Array] | None = None,
) -> Float[Array, ""]:
    """The denoising loss of a batch, weighted so that every noise level asks the network for targets of unit variance.

    **Arguments:** `denoiser`; `x`: data; `label`: its classes or `None`; `key`: draws noise levels, noise and which
    labels are dropped; `log_sigma_mean`, `log_sigma_std`: where noise levels lie, Karras et al.'s by default;
    `drop_label`: share of labels replaced by -1, which trains the unconditional denoiser too (Ho & Salimans 2022);
    `noise`: `noise(key, shape, dtype)` draws the standardised noise of the batch; `target`: `target(noisy, sigma,
    label)`, what the denoiser should say where that is not `x`.

    **Returns:** a scalar, near 1 for a network of zeros.
    """
    level_key, noise_key, drop_key = jax.random.split(key, 3)
    sigma = jnp.exp(log_sigma_mean + log_sigma_std * jax.random.normal(level_key, x.shape[:1]))
    if label is not None:
        label = jnp.where(jax.random.bernoulli(drop_key, drop_label, label.shape), -1, label)
    noisy = x + sigma[:, None] * noise(noise_key, x.shape, x.dtype)
    wanted = x if target is None else target(noisy, sigma, label)
    weight = (sigma**2 + denoiser.sigma_data**2) / (sigma * denoiser.sigma_data) ** 2
    return jnp.mean(weight[:, None] * jnp.square(denoiser(noisy, sigma, label) - wanted))
