"""Variance-preserving processes, `sigma^2 = 1 - alpha^2`: by the schedules of their papers, and by a table."""

import functools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_number
from ._process import AbstractProcess, Time, check_range, host_float64, namespace


class VariancePreserving(AbstractProcess):
    """`sigma^2 = 1 - alpha^2`."""

    def log_sigma(self, t: Time) -> Time:
        xp = namespace(t)
        return 0.5 * xp.log(-xp.expm1(2.0 * self.log_alpha(t)))


def _log_alpha_of_half_log_snr(half_log_snr: Time) -> Time:
    return -0.5 * namespace(half_log_snr).logaddexp(0.0, -2.0 * half_log_snr)


class VPLinear(VariancePreserving):
    """Variance-preserving process with a linear noise rate, `log alpha_t = -(b1 - b0) t^2 / 4 - b0 t / 2`.

    Also known as DDPM's schedule in continuous time, or VP-SDE. `sigma^2 = 1 - alpha^2`.

    Source: Song et al. 2021, *Score-based generative modeling through SDEs*, appendix B.

    **Arguments:**

    - `beta_min`, `beta_max`: noise rates `b0` and `b1` at `t=0` and `t=1`.
    - `t_min`: where sampling ends; 1e-3 for at most 15 evaluations, 1e-4 above (Lu et al. 2022, appendix D).
    - `t_max`: where sampling starts.

    **Raises:** `ValueError` when a rate is negative or the times are not ordered in `(0, 1]`.

    >>> process = VPLinear()
    >>> round(float(process.alpha(0.5)), 4), round(float(process.time_of_half_log_snr(process.half_log_snr(0.5))), 6)
    (0.2812, 0.5)
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3
    t_max: float = 1.0

    def __check_init__(self):
        check_number("beta_min", self.beta_min, minimum=0.0)
        check_number("beta_max", self.beta_max, minimum=self.beta_min, exclusive=True)
        check_number("t_min", self.t_min, minimum=0.0, exclusive=True)
        check_range(self.t_min, self.t_max, 0.0, np.inf)

    def log_alpha(self, t: Time) -> Time:
        t = host_float64(t)
        return -0.25 * (self.beta_max - self.beta_min) * t**2 - 0.5 * self.beta_min * t

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        xp, slope = namespace(half_log_snr), self.beta_max - self.beta_min
        u = 2.0 * slope * xp.logaddexp(-2.0 * host_float64(half_log_snr), 0.0)
        return u / ((xp.sqrt(self.beta_min**2 + u) + self.beta_min) * slope)


class VPCosine(VariancePreserving):
    """Variance-preserving process with a cosine schedule, `alpha_t = cos(pi/2 (t+s)/(1+s)) / cos(pi/2 s/(1+s))`.

    Source: Nichol & Dhariwal 2021, equation 17; `t_max = 0.9946` as in Lu et al. 2022, appendix D.

    **Arguments:** `s`: the offset; `t_min`, `t_max`: the range of sampling.

    **Raises:** `ValueError` when `s` is negative or the times are not ordered in `(0, 1)`.

    >>> process = VPCosine()
    >>> round(float(process.time_of_half_log_snr(process.half_log_snr(0.25))), 6)
    0.25
    """

    s: float = 0.008
    t_min: float = 1e-3
    t_max: float = 0.9946

    def __check_init__(self):
        check_number("s", self.s, minimum=0.0)
        check_number("t_min", self.t_min, minimum=0.0, exclusive=True)
        check_number("t_max", self.t_max, maximum=1.0, exclusive=True)
        check_range(self.t_min, self.t_max, 0.0, 1.0)

    @property
    def _first_angle(self) -> float:
        return 0.5 * np.pi * self.s / (1.0 + self.s)

    def log_alpha(self, t: Time) -> Time:
        xp, t = namespace(t), host_float64(t)
        return xp.log(xp.cos(0.5 * np.pi * (t + self.s) / (1.0 + self.s)) / np.cos(self._first_angle))

    def log_sigma(self, t: Time) -> Time:
        # cos^2 a - cos^2 b = sin(b - a) sin(b + a): 1 - alpha^2 would lose its digits in float32 near the data.
        xp, t = namespace(t), host_float64(t)
        angle = 0.5 * np.pi * t / (1.0 + self.s)
        variance = xp.sin(angle) * xp.sin(angle + 2.0 * self._first_angle) / np.cos(self._first_angle) ** 2
        return 0.5 * xp.log(variance)

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        xp, half_log_snr = namespace(half_log_snr), host_float64(half_log_snr)
        alpha = xp.exp(_log_alpha_of_half_log_snr(half_log_snr))
        sigma = xp.exp(_log_alpha_of_half_log_snr(-half_log_snr))
        a = self._first_angle
        angle = xp.arctan2(xp.sqrt(sigma**2 + (alpha * np.sin(a)) ** 2), alpha * np.cos(a))
        return 2.0 * (1.0 + self.s) / np.pi * angle - self.s


class Discrete(VariancePreserving):
    """A process known only at `N` training times through its table of `alphas_cumprod = alpha^2`.

    Entry `n` belongs to `t_n = (n + 1) / N`; between the entries `log alpha` is interpolated linearly in `t`, outside
    it is extrapolated. The network is given `N t - 1`, which is the index `n` at the entries and is not rounded unless
    `round_time`. Entries with half log-SNR under -5.1 (the tail of cosine tables) are left out of the sampling range.

    Source: Lu et al. 2022, appendix D.2.

    **Arguments:**

    - `alphas_cumprod`: shape `(N,)`, strictly decreasing in `(0, 1)`.
    - `round_time`: give the network the nearest index.

    **Raises:** `ValueError` when the table is not strictly decreasing in `(0, 1)` or keeps fewer than two entries.

    >>> import numpy as np
    >>> process = Discrete(np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000)))
    >>> float(process.model_time(process.t_max)), process.t_min
    (999.0, 0.001)
    """

    # Static and hashable, so that times stay on the host in float64 when the process itself is passed through jit.
    entries: tuple[float, ...] = eqx.field(static=True, repr=False)
    round_time: bool
    t_min: float
    t_max: float

    lowest_half_log_snr: ClassVar[float] = -5.1

    def __init__(self, alphas_cumprod: Any, round_time: bool = False):
        table = np.asarray(check_array("alphas_cumprod", alphas_cumprod, ndim=1), dtype=np.float64)
        if not isinstance(round_time, bool):
            raise TypeError(f"round_time must be True or False, got {round_time!r}")
        if table.size < 2 or np.any(np.diff(table) >= 0) or table[0] >= 1 or table[-1] <= 0:
            raise ValueError("alphas_cumprod must decrease strictly inside (0, 1) and have at least 2 entries")
        kept = int(np.sum(0.5 * (np.log(table) - np.log1p(-table)) >= self.lowest_half_log_snr))
        if kept < 2:
            raise ValueError(
                "alphas_cumprod must have at least 2 entries with half log-SNR >= "
                f"{self.lowest_half_log_snr}, got {kept}"
            )
        self.entries = tuple(table.tolist())
        self.round_time = round_time
        self.t_min = 1.0 / table.size
        self.t_max = kept / table.size

    @property
    def alphas_cumprod(self) -> Float[np.ndarray, " entries"]:
        """The table that the process was made from."""
        return np.asarray(self.entries)

    def log_alpha(self, t: Time) -> Time:
        times, log_alpha = _knots(self.entries, t)
        return namespace(t).interp(host_float64(t), times, log_alpha)

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        times, log_alpha = _knots(self.entries, half_log_snr)
        wanted = _log_alpha_of_half_log_snr(host_float64(half_log_snr))
        return namespace(wanted).interp(-wanted, -log_alpha, times)

    def model_time(self, t: Time) -> Time:
        index = len(self.entries) * t - 1.0
        return namespace(index).round(index) if self.round_time else index


def _knots(entries: tuple[float, ...], t: Time) -> tuple[Any, Any]:
    """The host's knots, in the dtype of a JAX array: JAX takes a NumPy array that it has seen before in the precision
    of that time."""
    times, log_alpha = _host_knots(entries)
    if not isinstance(t, jax.Array):
        return times, log_alpha
    dtype = jnp.promote_types(t.dtype, jnp.float32)
    return jnp.array(times, dtype), jnp.array(log_alpha, dtype)


@functools.lru_cache(maxsize=16)
def _host_knots(entries: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Times and `log alpha` at the entries, extended by one linear extrapolation at either end."""
    log_alpha = 0.5 * np.log(np.asarray(entries))
    low, high = 2 * log_alpha[0] - log_alpha[1], 2 * log_alpha[-1] - log_alpha[-2]
    return np.arange(len(entries) + 2) / len(entries), np.concatenate(([low], log_alpha, [high]))
