"""Where the noise levels of training lie, and what an error counts there."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_number
from ._prediction import AbstractPrediction
from ._process import AbstractProcess
from ._variance_preserving import Discrete


class AbstractNoiseLevels(eqx.Module):
    """A distribution of times, and the weight of the squared error of the network's output at each."""

    @abc.abstractmethod
    def time(self, key: Any, process: AbstractProcess) -> Float[Array, ""]:
        """A random time of the process."""

    @abc.abstractmethod
    def weight(self, prediction: AbstractPrediction, alpha: Any, sigma: Any) -> Any:
        """The weight where the process has the scales `alpha` and `sigma`."""


class UniformTimes(AbstractNoiseLevels):
    """Times uniform in the range of the process, all errors of the output counted alike: how DDPM, velocity and flow
    models are trained, and what Diffusion-DPO and DCPO use.

    Of a `Discrete` process only the times of its table are drawn.

    Source: Ho et al. 2020, equation 14; Wallace et al. 2024, section 5.

    >>> from perturbax import diffusion
    >>> bool(UniformTimes().time(jax.random.key(0), diffusion.VPLinear()) <= 1.0)
    True
    """

    def time(self, key: Any, process: AbstractProcess) -> Float[Array, ""]:
        if isinstance(process, Discrete):
            entries = len(process.entries)
            return jax.random.randint(key, (), 1, round(process.t_max * entries) + 1) / entries
        return jax.random.uniform(key, minval=process.t_min, maxval=process.t_max)

    def weight(self, prediction: AbstractPrediction, alpha: Any, sigma: Any) -> Any:
        return jnp.ones_like(alpha)


class LogNormalLevels(AbstractNoiseLevels):
    """Levels `log(sigma / alpha) ~ N(mean, std^2)` and the weights of EDM, under which a network that knows nothing has
    about the same error at all of them, whatever it predicts.

    With `l = sigma / alpha` the error of the data prediction is weighted by `(l^2 + s^2) / (l s)^2`.

    **Arguments:** `mean`, `std`: of the log level (`P_mean`, `P_std`); `sigma_data`: standard deviation `s` of the
    data. Levels outside of the range of the process are moved to its ends.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Karras et al. 2022, section 5 and table 1.

    >>> from perturbax import diffusion
    >>> float(LogNormalLevels(sigma_data=1.0).weight(diffusion.Data(), 1.0, 2.0))
    1.25
    """

    mean: float = -1.2
    std: float = 1.2
    sigma_data: float = 0.5

    def __check_init__(self):
        check_number("mean", self.mean)
        check_number("std", self.std, minimum=0.0, exclusive=True)
        check_number("sigma_data", self.sigma_data, minimum=0.0, exclusive=True)

    def time(self, key: Any, process: AbstractProcess) -> Float[Array, ""]:
        log_level = self.mean + self.std * jax.random.normal(key)
        return jnp.clip(process.time_of_half_log_snr(-log_level), process.t_min, process.t_max)

    def weight(self, prediction: AbstractPrediction, alpha: Any, sigma: Any) -> Any:
        level = sigma / alpha
        _, b = prediction.data(alpha, sigma)  # x_0 = a x + b y: an error of y is one of b times it in the data
        return b**2 * (level**2 + self.sigma_data**2) / (level * self.sigma_data) ** 2
