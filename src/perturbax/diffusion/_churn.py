"""Churn: raising the noise level a little before a deterministic step (Karras et al. 2022, algorithm 2)."""

import abc
from typing import Any

import equinox as eqx
import numpy as np

from ..core import check_instance, check_number
from ._process import AbstractProcess
from ._trace import Node, Tracer


class AbstractChurn(eqx.Module):
    """Noise that a sampler adds to the state before each of its steps."""

    @abc.abstractmethod
    def stir(self, process: AbstractProcess, x: Any, s: Node, intervals: int, evaluate: Tracer) -> tuple[Any, Node]:
        """The state with the noise, and the node that it then lies at."""


class Churn(AbstractChurn):
    """Add noise before a step, so that the sampler forgets its earlier errors.

    The noise level `s = sigma / alpha` rises to `s (1 + gamma)`, `gamma = min(amount / steps, sqrt(2) - 1)`, where it
    lies in `[low, high]`.

    Source: Karras et al. 2022, algorithm 2, with its settings for ImageNet-64.

    **Arguments:** `amount`: total churn (`S_churn`); `low`, `high`: range of noise levels (`S_tmin`, `S_tmax`);
    `noise_scale`: factor on the added noise (`S_noise`).

    **Raises:** `ValueError` when one is negative or the range is empty.

    >>> Churn().noise_scale
    1.003
    """

    amount: float = 40.0
    low: float = 0.05
    high: float = 50.0
    noise_scale: float = 1.003

    def __check_init__(self):
        check_number("amount", self.amount, minimum=0.0)
        check_number("low", self.low, minimum=0.0)
        check_number("high", self.high, minimum=self.low, finite=False)
        check_number("noise_scale", self.noise_scale, minimum=0.0)

    def stir(self, process: AbstractProcess, x: Any, s: Node, intervals: int, evaluate: Tracer) -> tuple[Any, Node]:
        level = s.sigma / s.alpha
        gamma = min(self.amount / intervals, np.sqrt(2.0) - 1.0) if self.low <= level <= self.high else 0.0
        if gamma == 0.0:
            return x, s
        raised = level * (1.0 + gamma)
        node = Node.at(process, process.time_of_half_log_snr(-np.log(raised)))
        noise = self.noise_scale * np.sqrt(raised**2 - level**2)
        return node.alpha / s.alpha * x + node.alpha * noise * evaluate.draw(), node


class Disturbance(AbstractChurn):
    """Noise that the sampler is not told of, `x + strength sigma z` with normal `z`: a test of robustness.

    The step goes on as if nothing had happened, so that a sampler and a network are good when little is lost.

    Source: Xu et al. 2023 (PFGM++), section 5.2.

    **Arguments:** `strength`: standard deviation of the noise as a share of the noise level.

    **Raises:** `ValueError` when it is negative.

    >>> Disturbance(0.1).strength
    0.1
    """

    strength: float

    def __check_init__(self):
        check_number("strength", self.strength, minimum=0.0)

    def stir(self, process: AbstractProcess, x: Any, s: Node, intervals: int, evaluate: Tracer) -> tuple[Any, Node]:
        return (x, s) if self.strength == 0.0 else (x + self.strength * s.sigma * evaluate.draw(), s)


def check_churn(churn: Any) -> None:
    """Refuse anything that is neither a churn nor `None`."""
    if churn is not None:
        check_instance("churn", churn, AbstractChurn, "None or Churn(...)")


def stir(
    churn: AbstractChurn | None, process: AbstractProcess, x: Any, s: Node, intervals: int, evaluate: Tracer
) -> tuple[Any, Node]:
    """The state and node after churn, or as they came."""
    return (x, s) if churn is None else churn.stir(process, x, s, intervals, evaluate)
