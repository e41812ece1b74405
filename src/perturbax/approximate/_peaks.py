"""Peaks of a family of shapes in a trace, by variable projection.

For the shapes `f_i(t; theta_i)` of the peaks, the heights `A_i` and a straight baseline enter linearly,

    min over theta of  min over A, b of  sum_j (sum_i A_i f_i(t_j; theta_i) + b_0 + b_1 t_j - y_j)^2,

and the inner minimum leaves the projection `r(theta) = (1 - Q Q^T) y` on what the columns `Q R = [f_1 ... f_m, 1, t]`
do not reach. Its squares are made small by Levenberg and Marquardt over the logarithms `theta` of the parameters, whose
covariance is `s^2 (J^T J)^{-1}` with the Jacobian `J` of `r` and the variance `s^2` of the residual.
"""

import abc
import dataclasses
import time
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pandas as pd
from jaxtyping import Array, Float

from ..core import Result, check_integer, check_number, float64
from ..systems.column import Injection, Langmuir, as_arrays
from ._fit import AbstractFitMethod
from ._trace import DetectorTrace

# Beyond these what is found is told with a warning: share of the sites taken, standard error of a logarithm.
_OVERLOADED, _UNKNOWN = 0.05, 0.3


class PeakFit(eqx.Module):
    """What `fit` returns for a `DetectorTrace`. Peaks are in the order of their tops; arrays are NumPy's.

    - `problem`: the trace; `names`, `values`: of the parameters of each peak.
    - `covariance`: of the logarithms of the values, peak by peak, by Gauss and Newton.
    - `adsorption`, `desorption`: the rates, in 1/s; by the moments of the peak where the shape does not know them.
    - `retention_times`, `deviations`: of the peaks without the pulse, in seconds.
    - `heights`: `A`, of the pulse at the inlet in units of the signal for `LaplaceFit` and `FiniteDifferenceFit`, else
      of the peak; `baseline`: `b_0`, `b_1`.
    - `curves`: the peaks at the times; `fitted`: their sum with the baseline; `residual`: signal less that.
    - `condition`: of `J^T J` with columns of length 1; large where parameters cannot be told apart.
    - `warnings`: sentences about what makes the numbers doubtful.
    - `result`: how it went; `stats`: `"steps"` of Levenberg and Marquardt, `"evaluations"` of the shapes of all peaks
      (one more for each step for their Jacobian), `"seconds"`, with compilation the first time.
    """

    problem: DetectorTrace
    names: tuple[str, ...]
    values: Float[np.ndarray, "m p"]
    covariance: Float[np.ndarray, "mp mp"]
    adsorption: Float[np.ndarray, " m"]
    desorption: Float[np.ndarray, " m"]
    retention_times: Float[np.ndarray, " m"]
    deviations: Float[np.ndarray, " m"]
    heights: Float[np.ndarray, " m"]
    baseline: Float[np.ndarray, " 2"]
    curves: Float[np.ndarray, "m n"]
    fitted: Float[np.ndarray, " n"]
    residual: Float[np.ndarray, " n"]
    condition: float
    warnings: tuple[str, ...]
    result: Any
    stats: dict[str, Any]

    @property
    def errors(self) -> Float[np.ndarray, "m p"]:
        """Relative standard errors of the values."""
        return np.sqrt(np.diag(self.covariance)).reshape(self.values.shape)

    @property
    def areas(self) -> Float[np.ndarray, " m"]:
        """Under the peaks, in units of the signal times seconds."""
        return np.trapezoid(self.curves, self.problem.times)

    @property
    def plates(self) -> Float[np.ndarray, " m"]:
        """`(t_R / s)^2`, the number of theoretical plates of each peak."""
        return (self.retention_times / self.deviations) ** 2

    @property
    def resolution(self) -> Float[np.ndarray, " pairs"]:
        """Of neighbours, `(t_2 - t_1) / (2 (s_1 + s_2))`; 1.5 is separated."""
        return np.diff(self.retention_times) / (2.0 * (self.deviations[1:] + self.deviations[:-1]))

    def table(self) -> pd.DataFrame:
        """A row for each peak."""
        table = pd.DataFrame(
            {
                "retention_time": self.retention_times,
                "standard_deviation": self.deviations,
                "adsorption": self.adsorption,
                "desorption": self.desorption,
                "height": self.heights,
                "area": self.areas,
                "plates": self.plates,
            }
        )
        for name, error in zip(self.names, self.errors.T, strict=True):
            table[f"{name}_error"] = error
        return table


class AbstractPeakMethod(AbstractFitMethod):
    """A method of `approximate.fit` for traces: a family of shapes. Its fields say when the optimiser stops."""

    max_steps: eqx.AbstractVar[int]
    tolerance: eqx.AbstractVar[float]

    problems: ClassVar[tuple[type, ...]] = (DetectorTrace,)
    names: ClassVar[tuple[str, ...]] = ()

    def __check_init__(self):
        check_integer("max_steps", self.max_steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    @abc.abstractmethod
    def start(self, problem: DetectorTrace) -> Float[np.ndarray, "m p"]:
        """Values to begin with."""

    @abc.abstractmethod
    def prepare(self, problem: DetectorTrace) -> Any:
        """What the shapes need and the compiled part should not compute: arrays and numbers."""

    @abc.abstractmethod
    def shapes(self, values: Float[Array, "m p"], prepared: Any) -> Float[Array, "m n"]:
        """The peaks at the times, of some height."""

    @abc.abstractmethod
    def moments(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Retention times and standard deviations without the pulse."""

    def rates(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Adsorption and desorption, by the moments unless the values are rates."""
        return rates_of(*self.moments(values, problem), problem)

    def approximate(self, problem: DetectorTrace, key: Any) -> PeakFit:
        """See `approximate.fit`."""
        begun = time.perf_counter()
        with float64():
            start = jnp.asarray(np.log(self.start(problem)))
            found = _minimise(self, start, *as_arrays((self.prepare(problem), problem.times, problem.signal)))
            found = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, found)
        return _assemble(self, problem, found, time.perf_counter() - begun)


def rates_of(
    retention: Float[np.ndarray, " m"], deviations: Float[np.ndarray, " m"], problem: DetectorTrace
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The rates of peaks without dispersion with these moments, `t_R = T0 (1 + alpha k_a / k_d)` and
    `s^2 = 2 alpha k_a T0 / k_d^2`."""
    hold_up = problem.column.hold_up
    k_d = 2.0 * (retention - hold_up) / deviations**2
    return k_d * (retention - hold_up) / hold_up / problem.column.phase_ratio, k_d


def rates_as_moments(
    values: Float[np.ndarray, "m p"], problem: DetectorTrace
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The inverse of `rates_of`, for values that are rates."""
    k_a, k_d = values.T
    passed = problem.column.phase_ratio * k_a * problem.column.hold_up
    return problem.column.hold_up + passed / k_d, np.sqrt(2.0 * passed) / k_d


def _columns(method: AbstractPeakMethod, theta: Array, prepared: Any, times: Array) -> tuple[Array, Array]:
    """The shapes, of the height 1, with the baseline, one in a column; and the heights that they had."""
    shapes = method.shapes(jnp.exp(theta), prepared)
    tops = jnp.abs(jax.lax.stop_gradient(shapes)).max(1) + jnp.finfo(shapes.dtype).tiny
    line = jnp.stack([jnp.ones_like(times), times / times[-1]])
    return jnp.concatenate([shapes / tops[:, None], line]).T, tops


def _residual(theta: Array, args: Any) -> Float[Array, " n"]:
    method, prepared, times, y = args
    q, _ = jnp.linalg.qr(_columns(method, theta, prepared, times)[0])
    return y - q @ (q.T @ y)


@eqx.filter_jit
def _minimise(method: AbstractPeakMethod, start: Array, prepared: Any, times: Array, signal: Array) -> dict[str, Any]:
    scale = jnp.linalg.norm(signal - signal.mean())
    args = (method, prepared, times, signal / scale)
    solver = optimistix.LevenbergMarquardt(rtol=method.tolerance, atol=method.tolerance)
    solved = optimistix.least_squares(_residual, solver, start, args, max_steps=method.max_steps, throw=False)
    theta = solved.value
    columns, tops = _columns(method, theta, prepared, times)
    linear, *_ = jnp.linalg.lstsq(columns, signal)
    jacobian = jax.jacfwd(_residual)(theta, args).reshape(times.size, -1)
    residual = signal - columns @ linear
    freedom = jnp.maximum(times.size - jacobian.shape[1] - linear.size, 1)
    lengths = jnp.linalg.norm(jacobian, axis=0)
    squares, vectors = jnp.linalg.eigh((jacobian / lengths).T @ (jacobian / lengths))
    inverse = (vectors / squares) @ vectors.T / jnp.outer(lengths, lengths)
    m = tops.size
    return {
        "values": jnp.exp(theta),
        "covariance": inverse * (residual @ residual) / freedom / scale**2,
        "condition": squares[-1] / squares[0],
        "heights": linear[:m] / tops,
        "baseline": jnp.stack([linear[m], linear[m + 1] / times[-1]]),
        "curves": (columns[:, :m] * linear[:m]).T,
        "fitted": columns @ linear,
        "residual": residual,
        "steps": solved.stats["num_steps"],
        "converged": solved.result == optimistix.RESULTS.successful,
        "finite": jnp.isfinite(theta).all() & jnp.isfinite(residual).all(),
    }


def _assemble(method: AbstractPeakMethod, problem: DetectorTrace, found: dict[str, Any], seconds: float) -> PeakFit:
    steps, converged, finite = (found.pop(name) for name in ("steps", "converged", "finite"))
    condition = float(found.pop("condition"))
    k_a, k_d = method.rates(found["values"], problem)
    retention, deviations = method.moments(found["values"], problem)
    evaluations = int(steps) * (1 + found["values"].size) * problem.peaks
    result = Result.successful if converged else Result.max_steps
    fitted = PeakFit(
        problem=problem,
        names=method.names,
        adsorption=k_a,
        desorption=k_d,
        retention_times=retention,
        deviations=deviations,
        condition=condition,
        warnings=(),
        result=result if finite else Result.nonfinite,
        stats={"steps": int(steps), "evaluations": evaluations, "seconds": seconds},
        **found,
    )
    return dataclasses.replace(fitted, warnings=tuple(_doubts(fitted)))


def _doubts(fitted: PeakFit) -> list[str]:
    problem, found = fitted.problem, []
    for i, errors in enumerate(fitted.errors):
        for name, error in zip(fitted.names, errors, strict=True):
            if not error <= _UNKNOWN:
                found.append(f"{name} of peak {i + 1} is not known from this trace: its relative error is {error:.0%}")
    for i, height in enumerate(fitted.heights):
        if height <= 0.0:
            found.append(f"peak {i + 1} has a height that is not positive")
    if problem.capacity is not None and (fitted.heights > 0.0).all():
        kinetics = Langmuir(fitted.adsorption, fitted.desorption, problem.capacity)
        taken = Injection(problem.column, kinetics, problem.pulse, fitted.heights).competition()
        if taken > _OVERLOADED:
            found.append(f"up to {taken:.0%} of the sites are taken: the column is overloaded, and peaks compete")
    return found
