"""The problem of finding peaks of known kinetics in what a detector recorded."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

from ..core import check_array, check_instance, check_integer, check_number
from ..systems.column import AbstractPulse, GasColumn

# Of the smoothing before peaks are looked for, in samples.
_SMOOTHING = 2.0
# Full width at half height over standard deviation of a Gaussian peak.
_WIDTH_AT_HALF = 2.0 * np.sqrt(2.0 * np.log(2.0))


class DetectorTrace(eqx.Module):
    """A chromatogram of a column whose dead time is known: the problem of `approximate.fit` for peaks.

    **Arguments:**

    - `column`: the `systems.column.GasColumn`; with `phase_ratio` 1 the rates that are found are `alpha k_a`.
    - `times`: in seconds from the injection, in any order, at any distances, shape `(n,)`.
    - `signal`: of the detector, in its units; in mol/m^3 where a `capacity` is given.
    - `pulse`: how the sample was injected.
    - `peaks`: how many to look for, the most prominent ones, or the times of their tops.
    - `dispersion`: in m^2/s, for methods that know it.
    - `capacity`: of the stationary phase for each of the peaks, in mol/m^3, to be told where they compete.

    **Raises:** `TypeError`, `ValueError` for arrays that do not fit or are not finite, times that come twice, fewer
    peaks than wanted, or a peak before the hold-up time.

    >>> from perturbax.systems import column
    >>> t = np.linspace(0.0, 100.0, 501)
    >>> apparatus = column.GasColumn(30.0, column.ConstantFlow(3.0))
    >>> trace = DetectorTrace(apparatus, t, np.exp(-((t - 50.0) ** 2) / 18.0), column.Rectangle(1.0))
    >>> trace.tops.tolist(), trace.widths.round(1).tolist()
    ([50.0], [3.1])
    """

    column: GasColumn
    times: Float[np.ndarray, " n"]
    signal: Float[np.ndarray, " n"]
    pulse: AbstractPulse
    dispersion: float
    capacity: Float[np.ndarray, " m"] | None
    tops: Float[np.ndarray, " m"]
    widths: Float[np.ndarray, " m"]

    def __init__(
        self,
        column: GasColumn,
        times: Any,
        signal: Any,
        pulse: AbstractPulse,
        peaks: Any = 1,
        dispersion: float = 0.0,
        capacity: Any = None,
    ):
        self.column = check_instance("column", column, GasColumn, "a systems.column.GasColumn(...)")
        self.pulse = check_instance("pulse", pulse, AbstractPulse, "a pulse such as systems.column.Rectangle(1.0)")
        self.dispersion = check_number("dispersion", dispersion, minimum=0.0)
        times = np.asarray(check_array("times", times, ndim=1), np.float64)
        signal = np.asarray(check_array("signal", signal, shape=(times.size,)), np.float64)
        order = np.argsort(times, kind="stable")
        self.times, self.signal = times[order], signal[order]
        if (same := np.flatnonzero(np.diff(self.times) == 0.0)).size:
            raise ValueError(f"times must differ, got {self.times[same[0]]:g} twice")
        if self.times[0] < 0.0:
            raise ValueError(f"times must be >= 0, seconds from the injection, got {self.times[0]:g}")
        self.tops, self.widths = _find(self, peaks)
        self.capacity = None
        if capacity is not None:
            self.capacity = np.asarray(check_array("capacity", capacity, shape=(self.tops.size,)), np.float64)
            if (self.capacity <= 0.0).any():
                raise ValueError(f"capacity must be > 0, got {self.capacity.min():g}")

    @property
    def peaks(self) -> int:
        """Their number `m`."""
        return self.tops.size

    def moments(self) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Retention times and standard deviations of the peaks without the pulse, roughly, from tops and widths."""
        _, mean, variance = self.pulse.moments
        narrow = np.maximum(self.widths**2 - variance, 0.25 * self.widths**2)
        return np.maximum(self.tops - mean, self.column.hold_up * 1.001), np.sqrt(narrow)


def _find(trace: DetectorTrace, peaks: Any) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Times and standard deviations of peaks, in the order of time, on evenly spaced times."""
    even = np.linspace(trace.times[0], trace.times[-1], trace.times.size)
    smooth = gaussian_filter1d(np.interp(even, trace.times, trace.signal), _SMOOTHING)
    hold_up = trace.column.hold_up
    tops, found = find_peaks(smooth, prominence=0.0)
    late = even[tops] > hold_up
    tops, prominences = tops[late], found["prominences"][late]
    if np.ndim(peaks):
        wanted = np.sort(np.asarray(check_array("peaks", peaks, ndim=1), np.float64))
        if wanted[0] <= hold_up or wanted[-1] > trace.times[-1]:
            outside = wanted[0] if wanted[0] <= hold_up else wanted[-1]
            raise ValueError(
                f"peaks must lie between the hold-up time, {hold_up:g}, and the last time, {trace.times[-1]:g}, "
                f"got {outside:g}: no component leaves before the gas"
            )
        places = np.searchsorted(even, wanted).clip(1, even.size - 2)
    else:
        count = check_integer("peaks", peaks, minimum=1)
        if tops.size < count:
            raise ValueError(
                f"peaks must be at most {tops.size}, the tops after the hold-up time {hold_up:g}; got {count}"
            )
        places = np.sort(tops[np.argsort(-prominences)[:count]])
        wanted = even[places]
    return wanted, np.array([_width(smooth, place) for place in places]) * (even[1] - even[0]) / _WIDTH_AT_HALF


def _width(signal: Float[np.ndarray, " n"], place: Any) -> float:
    """Full width at half height above the median, in samples; where neighbours hide it, that of the prominence."""
    level = np.median(signal)
    half = level + 0.5 * (signal[place] - level)
    below = np.flatnonzero(signal < half)
    left, right = below[below < place], below[below > place]
    sides = [place - left[-1] if left.size else np.inf, right[0] - place if right.size else np.inf]
    # A neighbour lifts one side only: the narrower one is the peak's own.
    width = 2.0 * min(sides)
    return float(width if np.isfinite(width) else max(peak_widths(signal, [place])[0][0], 2.0))
