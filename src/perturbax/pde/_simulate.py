"""`simulate`: what leaves a column after an injection. The verb and its solution."""

import abc
import time
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import Method, Result, check_array, check_instance, float64, raise_if_failed
from ..systems.column import Injection

# What may be neglected, as a share: of the sites that are taken, of the sample in the gas, of the variance of a peak.
_NEGLIGIBLE = 0.05


class Chromatogram(eqx.Module):
    """What `simulate` returns. Arrays are NumPy's, in float64.

    - `problem`: the injection; `times`: in seconds.
    - `concentration`: of each component at the outlet, in mol/m^3.
    - `competition`: the largest share of the sites that is taken anywhere in the column: as computed by
      `FiniteDifference`, else as predicted without competition.
    - `balance`: injected less eluted and held, over injected; NaN for methods that do not follow what is held.
    - `warnings`: sentences about what the method neglects and should not; empty when the result can be trusted.
    - `result`: how it went; `stats`: `"evaluations"` of the kernel, transform or of banded systems, `"seconds"`.
    """

    problem: Injection
    times: Float[np.ndarray, " n"]
    concentration: Float[np.ndarray, "m n"]
    competition: float
    balance: Float[np.ndarray, " m"]
    warnings: tuple[str, ...]
    result: Any
    stats: dict[str, Any]

    @property
    def signal(self) -> Float[np.ndarray, " n"]:
        """Of a detector that sees all components alike."""
        return self.concentration.sum(0)

    @property
    def retention_times(self) -> Float[np.ndarray, " m"]:
        """The means of the peaks less that of the pulse, in seconds; the peaks have to be over at the last time."""
        areas = np.trapezoid(self.concentration, self.times)
        return np.trapezoid(self.times * self.concentration, self.times) / areas - self.problem.pulse.moments[1]

    @property
    def deviations(self) -> Float[np.ndarray, " m"]:
        """The standard deviations of the peaks, in seconds."""
        means = self.retention_times + self.problem.pulse.moments[1]
        squares = (self.times - means[:, None]) ** 2
        areas = np.trapezoid(self.concentration, self.times)
        return np.sqrt(np.trapezoid(squares * self.concentration, self.times) / areas)

    @property
    def resolution(self) -> Float[np.ndarray, " pairs"]:
        """Of neighbours in the order of retention, `(t_2 - t_1) / (2 (s_1 + s_2))`; 1.5 is separated."""
        order = np.argsort(self.retention_times)
        means, widths = self.retention_times[order], self.deviations[order]
        return np.diff(means) / (2.0 * (widths[1:] + widths[:-1]))


class Outcome(eqx.Module):
    """What a method computes; `competition` is `None` where it is not known better than by prediction."""

    concentration: Any
    stats: dict[str, Any]
    competition: float | None = None
    balance: Any = None
    result: Any = eqx.field(default_factory=lambda: Result.successful)


class AbstractSimulation(Method):
    """A method of `pde.simulate`."""

    @abc.abstractmethod
    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """The concentrations at the outlet."""

    def neglected(self, problem: Injection) -> tuple[str, ...]:
        """Sentences about what the method neglects and should not."""
        return ()


class AbstractLinearSimulation(AbstractSimulation):
    """A method whose components do not compete and do not slow the gas."""

    @property
    def with_dispersion(self) -> bool:
        """Whether dispersion counts."""
        return False

    def neglected(self, problem: Injection) -> tuple[str, ...]:
        name, found = type(self).__name__, []
        if (taken := problem.competition()) > _NEGLIGIBLE:
            found.append(f"up to {taken:.0%} of the sites are taken, and for {name} components do not compete for them")
        if (share := problem.column.flow.molar_volume * problem.concentration.sum()) > _NEGLIGIBLE:
            found.append(f"the sample is {share:.0%} of the gas, and for {name} it does not slow the gas")
        widening = float(((1.0 + problem.damkohler) ** 2 * problem.inverse_peclet).max())
        if not self.with_dispersion and widening > _NEGLIGIBLE:
            found.append(f"dispersion adds {widening:.0%} to the variance of a peak, which {name} leaves out")
        return tuple(found)


def simulate(problem: Injection, method: AbstractSimulation, times: Any, *, throw: bool = True) -> Chromatogram:
    """Compute what leaves a column, in float64.

    **Arguments:**

    - `problem`: a `systems.column.Injection`.
    - `method`: `LaplaceIntegral()`, `LaplaceInversion()`, `BromwichInversion()`, `FiniteDifference()` or
      `PlateModel(plates)`.
    - `times`: increasing, not negative, in seconds, shape `(n,)`.
    - `throw`: raise when the method did not succeed; else look at `result`.

    **Returns:** a `Chromatogram`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a step or a quadrature does
    not converge.

    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(30.0, column.ConstantFlow(0.5))
    >>> sample = column.Injection(apparatus, column.Linear([2.0, 3.0], [0.1, 0.1]), column.Rectangle(1.0))
    >>> found = pde.simulate(sample, pde.LaplaceIntegral(), np.linspace(0.0, 3000.0, 1001))
    >>> found.retention_times.round().tolist(), found.resolution.round(2).tolist(), found.warnings
    ([1260.0, 1860.0], [0.87], ())
    """
    check_instance("problem", problem, Injection, "a systems.column.Injection(...)")
    check_instance("method", method, AbstractSimulation, "a method such as LaplaceIntegral()")
    times = np.asarray(check_array("times", times, ndim=1), np.float64)
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any() or times[-1] == 0.0:
        raise ValueError(f"times must increase from 0 or later, got {times[0]:g} to {times[-1]:g} in {times.size}")
    start = time.perf_counter()
    with float64():
        outcome = method.elute(problem, times)
    concentration = np.asarray(outcome.concentration, np.float64)
    if throw:
        raise_if_failed(outcome.result, f"simulate by {type(method).__name__}")
    competition = problem.competition() if outcome.competition is None else outcome.competition
    unknown = np.full(problem.components, np.nan)
    return Chromatogram(
        problem,
        times,
        concentration,
        float(competition),
        unknown if outcome.balance is None else np.asarray(outcome.balance, np.float64),
        method.neglected(problem),
        outcome.result,
        {**outcome.stats, "seconds": time.perf_counter() - start},
    )
