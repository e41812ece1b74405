"""What answers are worth: privacy that composes, and the accuracy for the population that follows from it.

A query is the mean of a function with values in an interval of length 1. A mechanism whose transcript is private cannot
depend much on the sample, so what is true for the sample is true for the population:

    in expectation:   |E bias| <= sqrt(I / (2 n)),  I(S; transcript) <= n rho   (records independent)             (1)
    with probability: error <= alpha + (e^epsilon - 1) + c + 2 d,  except with probability beta' / c + delta / d  (2)

for a rho-zCDP mechanism in (1), and in (2) for an (epsilon, delta)-private one whose answers are within alpha of the
sample except with probability beta'. Sources: (1) Xu & Raginsky 2017 (arXiv 1705.07809) with the mutual information of
Bun & Steinke 2016 (arXiv 1605.02065) for independent records; (2) Jung et al. 2020 (arXiv 1909.03577), the transfer
theorem for approximate differential privacy.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import scipy.optimize

# Below this share of beta nothing is gained, above it a bound says nothing.
_SMALLEST, _LARGEST = math.log(1e-12), math.log(0.5)


class Privacy(eqx.Module):
    """How much a transcript can tell about one record.

    - `epsilon`, `delta`: of differential privacy; infinite when nothing is claimed.
    - `rho`: of zero-concentrated differential privacy.

    >>> Privacy.concentrated(rho=0.1, delta=1e-6).epsilon
    2.4507...
    """

    epsilon: float
    delta: float = 0.0
    rho: float = math.inf

    @classmethod
    def none(cls) -> "Privacy":
        """Of a mechanism that answers from the sample as it is."""
        return cls(math.inf)

    @classmethod
    def concentrated(cls, rho: float, delta: float) -> "Privacy":
        """Of a rho-zCDP mechanism: `epsilon = rho + 2 sqrt(rho ln(1 / delta))`.

        Source: Bun & Steinke 2016.
        """
        return cls(rho + 2.0 * math.sqrt(rho * math.log(1.0 / delta)), delta, rho)

    @classmethod
    def composed(cls, epsilons: tuple[float, ...], count: int, delta: float) -> "Privacy":
        """Of `count` answers that each take steps with these `epsilons`: the smallest of three valid bounds.

        Source: Dwork & Roth 2014, theorems 3.16 and 3.20; Bun & Steinke 2016, for `epsilon^2 / 2`-zCDP.
        """
        if count == 0:
            return cls(0.0, 0.0, 0.0)
        basic = count * sum(epsilons)
        rho = count * sum(epsilon**2 for epsilon in epsilons) / 2.0
        drift = count * sum(epsilon * _expm1(epsilon) for epsilon in epsilons)
        advanced = math.sqrt(4.0 * rho * math.log(1.0 / delta)) + drift
        best = min(advanced, cls.concentrated(rho, delta).epsilon)
        return cls(basic, 0.0, rho) if basic <= best else cls(best, delta, rho)


class Guarantee(eqx.Module):
    """A bound on the error of the answers for the population, with where it comes from.

    - `tau`: the bound, in the units of the answers. `beta`: the probability with which it may fail, for all answers
      together; `None` for a bound on the expected error of one query chosen from the transcript.
    - `adaptive`: whether it holds for queries that were chosen after seeing answers.
    - `source`: the paper.
    """

    tau: float
    beta: float | None
    adaptive: bool
    source: str

    @property
    def vacuous(self) -> bool:
        """Whether the bound says no more than that means of values in an interval lie in it."""
        return not self.tau < 1.0

    def scaled(self, width: float) -> "Guarantee":
        """The bound for queries with values in an interval of that length."""
        return Guarantee(self.tau * width, self.beta, self.adaptive, self.source)

    def sentence(self) -> str:
        """The guarantee in plain language."""
        queries = "chosen after seeing answers" if self.adaptive else "fixed before seeing the data ONLY"
        if self.beta is None:
            return (
                f"For queries {queries}: the expected error is at most {self.tau:.3g} beyond the noise ({self.source})."
            )
        return (
            f"For queries {queries}: with probability {1 - self.beta:g} every answer is within {self.tau:.3g} of the "
            f"population ({self.source})."
        )


def in_expectation(rho: float) -> Guarantee:
    """Equation (1).

    >>> in_expectation(rho=0.02).tau
    0.1
    """
    return Guarantee(math.sqrt(rho / 2.0), None, True, "Xu & Raginsky 2017; Bun & Steinke 2016")


def transferred(alpha: Callable[[float], float], privacy: Callable[[float], Privacy], beta: float) -> Guarantee:
    """Equation (2) with the best split of `beta`: `beta' = c beta / 2` and `delta = d beta / 2`, each minimised over.

    **Arguments:** `alpha`: the accuracy on the sample that fails with the given probability; `privacy`: for a given
    `delta`; `beta`: with which probability the bound may fail.

    >>> transferred(lambda beta: 0.0, lambda delta: Privacy(0.0), beta=0.05).tau < 1e-9
    True
    """
    c = _least(lambda c: alpha(c * beta / 2.0) + c)
    d = _least(lambda d: _expm1(privacy(d * beta / 2.0).epsilon) + 2.0 * d)
    return Guarantee(c + d, beta, True, "Jung et al. 2020, transfer theorem")


def of_fresh_sample(n: int, queries: int, beta: float, adaptive: bool) -> Guarantee:
    """Hoeffding's inequality for `queries` means of `n` records each, by a union bound.

    >>> round(of_fresh_sample(1000, 1, beta=0.05, adaptive=False).tau, 4)
    0.0429
    """
    tau = math.sqrt(math.log(2.0 * queries / beta) / (2.0 * n))
    return Guarantee(tau, beta, adaptive, "Hoeffding 1963, and a union bound")


def _expm1(x: float) -> float:
    return math.expm1(x) if x < 50.0 else math.inf


def _least(function: Callable[[float], float]) -> float:
    """The smallest value over a positive argument, searched on a logarithmic scale."""

    def of_log(x: Any) -> float:
        return min(function(math.exp(x)), 1e6)  # the search needs finite values

    return float(scipy.optimize.minimize_scalar(of_log, bounds=(_SMALLEST, _LARGEST), method="bounded").fun)
