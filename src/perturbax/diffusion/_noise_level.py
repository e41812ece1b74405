"""Processes that are told by their noise level: variance-exploding ones, and straight paths between data and noise."""

import numpy as np

from ..core import check_number
from ._process import AbstractProcess, Time, check_range, host_float64, namespace


class VE(AbstractProcess):
    """Variance-exploding process, `alpha = 1`, `sigma_t = sigma_min (sigma_max / sigma_min)^t`.

    The network is given `sigma_t`.

    Source: Song et al. 2021, appendix B; default noise levels from its CIFAR-10 experiments.

    **Arguments:** `sigma_min`, `sigma_max`: noise levels at `t=0` and `t=1`.

    **Raises:** `ValueError` unless `0 < sigma_min < sigma_max`.

    >>> round(float(VE().sigma(0.5)), 4)
    0.7071
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0
    t_min: float = 0.0
    t_max: float = 1.0

    def __check_init__(self):
        check_number("sigma_min", self.sigma_min, minimum=0.0, exclusive=True)
        check_number("sigma_max", self.sigma_max, minimum=self.sigma_min, exclusive=True)
        check_range(self.t_min, self.t_max, 0.0, 1.0)

    def log_alpha(self, t: Time) -> Time:
        return 0.0 * host_float64(t)

    def log_sigma(self, t: Time) -> Time:
        return np.log(self.sigma_min) + host_float64(t) * np.log(self.sigma_max / self.sigma_min)

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        return (-host_float64(half_log_snr) - np.log(self.sigma_min)) / np.log(self.sigma_max / self.sigma_min)

    def model_time(self, t: Time) -> Time:
        return self.sigma(t)


class NoiseLevelProcess(AbstractProcess):
    """`alpha = 1` and `sigma_t = t`: the time is the noise level itself."""

    def log_alpha(self, t: Time) -> Time:
        return 0.0 * host_float64(t)

    def sigma(self, t: Time) -> Time:
        return host_float64(t)

    def log_sigma(self, t: Time) -> Time:
        return namespace(t).log(host_float64(t))

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        return namespace(half_log_snr).exp(-host_float64(half_log_snr))

    def _check_levels(self) -> None:
        check_number("t_min", self.t_min, minimum=0.0, exclusive=True)
        check_range(self.t_min, self.t_max, 0.0, np.inf)


class EDM(NoiseLevelProcess):
    """Variance-exploding process whose time is the noise level itself, `alpha = 1`, `sigma_t = t`.

    Source: Karras et al. 2022, table 1 (column "Ours").

    **Arguments:** `t_min`, `t_max`: the smallest and largest noise level.

    **Raises:** `ValueError` unless `0 < t_min < t_max`.

    >>> float(EDM().half_log_snr(1.0))
    0.0
    """

    t_min: float = 0.002
    t_max: float = 80.0

    def __check_init__(self):
        self._check_levels()


class FlowMatching(AbstractProcess):
    """Straight paths between data and noise, `alpha = 1 - u`, `sigma = u`, `u = k t / (1 + (k - 1) t)` with shift `k`.

    Also known as rectified flow, or conditional optimal-transport paths; the network is given `u`. The default `t_max`
    is a little under 1 so that the half log-SNR is finite on every grid; `t_max=1` works with grids over time.

    Source: Lipman et al. 2023, section 4; the shift of Esser et al. 2024, section 5.3.2.

    **Arguments:** `shift`: the factor `k`; `t_min`, `t_max`: the range of sampling.

    **Raises:** `ValueError` when `shift` is not positive or the times are not ordered in `(0, 1]`.

    >>> process = FlowMatching(shift=3.0)
    >>> round(float(process.alpha(0.5) + process.sigma(0.5)), 6), round(float(process.sigma(0.5)), 6)
    (1.0, 0.75)
    """

    shift: float = 1.0
    t_min: float = 1e-3
    t_max: float = 0.999

    def __check_init__(self):
        check_number("shift", self.shift, minimum=0.0, exclusive=True)
        check_number("t_min", self.t_min, minimum=0.0, exclusive=True)
        check_range(self.t_min, self.t_max, 0.0, 1.0)

    def sigma(self, t: Time) -> Time:
        t = host_float64(t)
        return self.shift * t / (1.0 + (self.shift - 1.0) * t)

    def alpha(self, t: Time) -> Time:
        t = host_float64(t)
        return (1.0 - t) / (1.0 + (self.shift - 1.0) * t)

    def log_alpha(self, t: Time) -> Time:
        with np.errstate(divide="ignore"):
            return namespace(t).log(self.alpha(t))

    def log_sigma(self, t: Time) -> Time:
        return namespace(t).log(self.sigma(t))

    def time_of_half_log_snr(self, half_log_snr: Time) -> Time:
        odds = namespace(half_log_snr).exp(-host_float64(half_log_snr))
        return odds / (self.shift + odds)

    def model_time(self, t: Time) -> Time:
        return self.sigma(t)
