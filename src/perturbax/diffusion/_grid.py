"""Time grids: where along the process a sampler steps.

A grid places `intervals + 1` times from `start` down to `end`. `final="zero"` appends one evaluation at `end` and
returns its data prediction, that is a last first-order step to `sigma = 0`; without it (`final="eps"`) the result
carries the noise of level `sigma(end)`.
"""

import abc
from typing import Any, Literal

import equinox as eqx
import numpy as np

from ..core import check_array, check_choice, check_instance, check_integer, check_number
from ._process import AbstractProcess


class AbstractGrid(eqx.Module):
    """A rule that places times."""

    final: eqx.AbstractVar[Literal["zero", "eps"]]

    @abc.abstractmethod
    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        """The `intervals + 1` times, before the ends are set exactly."""

    @property
    def denoises(self) -> int:
        """Evaluations spent on the last step to `sigma = 0`: 1 or 0."""
        return int(self.final == "zero")

    def begin(self, process: AbstractProcess, start: float | None = None) -> float:
        """The first time of the grid: `start`, or the process's `t_max`.

        **Raises:** `ValueError` when `start` lies outside the process or at its end.
        """
        if start is None:
            return process.t_max
        check_number("start", start, minimum=process.t_min, maximum=process.t_max)
        if start == process.t_min:
            raise ValueError(f"start must be larger than the process's t_min = {process.t_min:g}, got {start:g}")
        return float(start)

    def end(self, process: AbstractProcess) -> float:
        """The last time of the grid."""
        return process.t_min

    def __check_init__(self):
        check_choice("final", self.final, ("zero", "eps"))

    def times(self, process: AbstractProcess, intervals: int, start: float | None = None) -> np.ndarray:
        """The grid's times.

        **Arguments:** `process`; `intervals`: how many steps, at least 1; `start`: where sampling starts, `t_max` by
        default.

        **Returns:** float64 array of shape `(intervals + 1,)`, strictly decreasing.

        **Raises:** `ValueError` when `start` lies outside the process or the half log-SNR does not increase along the
        grid, naming the entry.
        """
        check_instance("process", process, AbstractProcess, "a process such as VPLinear()")
        intervals, start = check_integer("intervals", intervals, minimum=1), self.begin(process, start)
        # What overflows here comes out non-finite and is refused by the check of the half log-SNR.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            times = np.asarray(self._interior(process, intervals, start, process.t_min), dtype=np.float64)
            half_log_snr = np.asarray(process.half_log_snr(times))
            fallen = np.flatnonzero(~(np.diff(half_log_snr) > 0))
        if fallen.size:
            i = int(fallen[0])
            raise ValueError(
                f"{type(self).__name__} grid: the half log-SNR must increase strictly from step to step, but entries "
                f"{i} and {i + 1} (times {times[i]:.6g} and {times[i + 1]:.6g}) give {half_log_snr[i]:.6g} and "
                f"{half_log_snr[i + 1]:.6g}"
            )
        return times


class LogSNR(AbstractGrid):
    """Uniform in the half log-SNR `lambda` (Lu et al. 2022, section 3.2): the natural grid of exponential integrators.

    **Arguments:** `final`: `"zero"` ends with a step to `sigma = 0`, `"eps"` stops at the process's `t_min`.

    **Raises:** `ValueError` when the process has `alpha = 0` at the start, where lambda is infinite.

    >>> from perturbax.diffusion import EDM
    >>> LogSNR().times(EDM(t_min=1.0, t_max=100.0), 2).round(6).tolist()
    [100.0, 10.0, 1.0]
    """

    final: Literal["zero", "eps"] = "zero"

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        first, last = float(process.half_log_snr(start)), float(process.half_log_snr(end))
        if not np.isfinite(first):
            raise ValueError(
                f"LogSNR grid: the half log-SNR at the start {start} is {first}; use a grid over time such as "
                "TimeUniform(), or start a little later"
            )
        times = np.asarray(process.time_of_half_log_snr(np.linspace(first, last, intervals + 1)))
        times[0], times[-1] = start, end
        return times


class TimeUniform(AbstractGrid):
    """Uniform in time (Ho et al. 2020).

    **Arguments:** `final`: as for `LogSNR`.

    >>> from perturbax.diffusion import EDM
    >>> TimeUniform().times(EDM(t_min=1.0, t_max=3.0), 2).tolist()
    [3.0, 2.0, 1.0]
    """

    final: Literal["zero", "eps"] = "zero"

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        return np.linspace(start, end, intervals + 1)


class TimePower(AbstractGrid):
    """Uniform in `t^(1/p)`: denser near the data (`p=2` is the quadratic grid of Song et al. 2021, DDIM, section D.2).

    **Arguments:** `p`: the power, positive; `final`: as for `LogSNR`.

    **Raises:** `ValueError` when `p` is not positive.

    >>> from perturbax.diffusion import EDM
    >>> TimePower(2.0).times(EDM(t_min=1.0, t_max=9.0), 2).tolist()
    [9.0, 4.0, 1.0]
    """

    p: float = 2.0
    final: Literal["zero", "eps"] = "zero"

    def __check_init__(self):
        check_number("p", self.p, minimum=0.0, exclusive=True)

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        first, last = np.asarray([start, end], dtype=np.float64) ** (1.0 / self.p)
        times = np.linspace(first, last, intervals + 1) ** self.p
        times[0], times[-1] = start, end
        return times


class Karras(AbstractGrid):
    """Uniform in `(sigma / alpha)^(1/rho)` (Karras et al. 2022, equation 5, with its default `rho = 7`).

    **Arguments:** `rho`: the exponent, positive; `final`: as for `LogSNR`.

    **Raises:** `ValueError` when `rho` is not positive or the noise level at the start is infinite.

    >>> from perturbax.diffusion import EDM
    >>> Karras(rho=1.0).times(EDM(t_min=1.0, t_max=3.0), 2).round(6).tolist()
    [3.0, 2.0, 1.0]
    """

    rho: float = 7.0
    final: Literal["zero", "eps"] = "zero"

    def __check_init__(self):
        check_number("rho", self.rho, minimum=0.0, exclusive=True)

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        first, last = (float(process.sigma_bar(t)) ** (1.0 / self.rho) for t in (start, end))
        if not np.isfinite(first):
            raise ValueError(f"Karras grid: the noise level at the start {start} is infinite; use TimeUniform()")
        times = np.asarray(process.time_of_half_log_snr(-self.rho * np.log(np.linspace(first, last, intervals + 1))))
        times[0], times[-1] = start, end
        return times


class Explicit(AbstractGrid):
    """The times that the user gives, from the start down to the end.

    **Arguments:** `at`: shape `(intervals + 1,)`, strictly decreasing, inside the process's range; `final`: as for
    `LogSNR`.

    **Raises:** `ValueError` when the method needs another number of intervals, the times leave the process's range or
    do not decrease, or sampling starts at another time than the first.

    >>> from perturbax.diffusion import EDM
    >>> Explicit([5.0, 2.0, 1.0]).times(EDM(), 2).tolist()
    [5.0, 2.0, 1.0]
    """

    at: tuple[float, ...]
    final: Literal["zero", "eps"]

    def __init__(self, at: Any, final: Literal["zero", "eps"] = "zero"):
        self.at = tuple(np.asarray(check_array("at", at, ndim=1), dtype=np.float64).tolist())
        if len(self.at) < 2:
            raise ValueError(f"at must have at least 2 times, got {len(self.at)}")
        self.final = final

    def begin(self, process: AbstractProcess, start: float | None = None) -> float:
        if start is not None and super().begin(process, start) != self.at[0]:
            raise ValueError(f"start must be the first time of the Explicit grid, {self.at[0]:g}, got {start:g}")
        return self.at[0]

    def end(self, process: AbstractProcess) -> float:
        return self.at[-1]

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        if len(self.at) != intervals + 1:
            raise ValueError(
                f"Explicit grid: the method takes {intervals} intervals and needs {intervals + 1} times, "
                f"got {len(self.at)}"
            )
        times = np.asarray(self.at)
        if times.max() > process.t_max or times.min() < process.t_min:
            raise ValueError(
                f"Explicit grid: times must lie in [{process.t_min}, {process.t_max}], got "
                f"[{times.min():.6g}, {times.max():.6g}]"
            )
        return times
