"""Diffusion processes `x_t = alpha_t x_0 + sigma_t z`, `z ~ N(0, I)`, for `t` from 0 (data) to `t_max` (noise).

A process is the pair of functions `alpha`, `sigma`, and the noise `z` where it is not normal: every sampler of this
package reads only these, their ratio through the half log-SNR `lambda_t = log(alpha_t / sigma_t)`, and the inverse
`t(lambda)`.

All functions of time accept a NumPy array or a Python float, and then compute on the host in float64, or a JAX array,
traced or not, and then compute with JAX in its dtype.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_number

Time = float | np.floating | Float[np.ndarray, "..."] | Float[Array, "..."]


def namespace(*values: Any):
    """`jax.numpy` when a value is a JAX array (or tracer), `numpy` otherwise."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def host_float64(t: Any) -> Any:
    """Numbers and NumPy arrays in float64; JAX arrays as they are."""
    return t if isinstance(t, jax.Array) else np.asarray(t, dtype=np.float64)[()]


class AbstractProcess(eqx.Module):
    """A forward process given by `log_alpha(t)` and `log_sigma(t)`.

    To state another process, subclass, give `t_min`, `t_max`, `log_alpha`, `log_sigma` and `time_of_half_log_snr`;
    `half_log_snr` must decrease strictly in `t`.
    """

    t_min: eqx.AbstractVar[float]
    t_max: eqx.AbstractVar[float]

    @abc.abstractmethod
    def log_alpha(self, t: Time) -> Time:
        """Logarithm of the scale of the data in `x_t`."""

    @abc.abstractmethod
    def log_sigma(self, t: Time) -> Time:
        """Logarithm of the standard deviation of the noise in `x_t`."""

    @abc.abstractmethod
    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        """The inverse of `half_log_snr`."""

    def alpha(self, t: Time) -> Time:
        """The scale `alpha_t` of the data in `x_t`."""
        return namespace(t).exp(self.log_alpha(t))

    def sigma(self, t: Time) -> Time:
        """The standard deviation `sigma_t` of the noise in `x_t`."""
        return namespace(t).exp(self.log_sigma(t))

    def half_log_snr(self, t: Time) -> Time:
        """`lambda_t = log(alpha_t / sigma_t)`, half the logarithm of the signal-to-noise ratio."""
        return self.log_alpha(t) - self.log_sigma(t)

    def sigma_bar(self, t: Time) -> Time:
        """The noise level `sigma_t / alpha_t` of the rescaled state `x_t / alpha_t`."""
        return namespace(t).exp(-self.half_log_snr(t))

    def model_time(self, t: Time) -> Time:
        """What the network is given as its time input."""
        return t

    @property
    def noise(self) -> Callable[..., Float[Array, "..."]]:
        """The function `(key, shape, dtype)` that draws the standardised noise `z` of one sample: standard normals."""
        return jax.random.normal

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `z` as a Student-t distribution; infinite for normal noise."""
        return math.inf

    def perturb(self, key: PRNGKeyArray, x_0: Any, t: Any) -> Float[Array, "batch ..."]:
        """Noisy data `x_t = alpha_t x_0 + sigma_t z` at a time, or at one time per sample.

        **Arguments:** `key`: sample `i` depends on it and on `i` only; `x_0`: shape `(batch, *shape)`; `t`: a scalar or
        shape `(batch,)`.

        >>> from perturbax import diffusion
        >>> diffusion.VPLinear().perturb(jax.random.key(0), np.zeros((3, 2), np.float32), 0.5).shape
        (3, 2)
        """
        x_0 = jnp.asarray(x_0)
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(x_0.shape[0]))
        z = jax.vmap(lambda k: self.noise(k, x_0.shape[1:], x_0.dtype))(keys)
        each = (-1,) + (1,) * (x_0.ndim - 1)
        alpha, sigma = (jnp.asarray(scale, x_0.dtype).reshape(each) for scale in (self.alpha(t), self.sigma(t)))
        return alpha * x_0 + sigma * z

    @property
    def prior_std(self) -> float:
        """Scale of the noise that sampling starts from: `sigma` at `t_max`."""
        return float(self.sigma(self.t_max))


def check_range(t_min: float, t_max: float, lowest: float, highest: float) -> None:
    """Refuse a range of times that is empty or leaves `[lowest, highest]`."""
    check_number("t_min", t_min, minimum=lowest)
    check_number("t_max", t_max, maximum=highest)
    if not t_min < t_max:
        raise ValueError(f"t_min must be smaller than t_max, got t_min={t_min} and t_max={t_max}")
