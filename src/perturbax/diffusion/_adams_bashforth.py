"""Adams-Bashforth directions in the noise level, on uniform and on actual steps.

In `y = x / alpha` and the noise level `s = sigma / alpha` the diffusion ODE is `dy/ds = e`, so that a step is
`y_{n+1} = y_n + (s_{n+1} - s_n) u` with a direction `u` from the predictions at the last nodes, newest first here.
"""

import itertools
from collections.abc import Sequence
from math import comb
from typing import Any

from ._trace import Node

# Adams-Bashforth in backward differences: u = sum_j GAMMA[j] (1 - S)^j e_n (Hairer, Norsett & Wanner, III.1).
GAMMA = (1.0, 1 / 2, 5 / 12, 3 / 8, 251 / 720)


def noise_level(node: Node) -> float:
    """`sigma / alpha`."""
    return float(node.sigma / node.alpha)


def step(x: Any, s: Node, t: Node, u: Any) -> Any:
    """The state at `t` from the state at `s` along the direction `u`."""
    return t.alpha / s.alpha * x + t.alpha * (noise_level(t) - noise_level(s)) * u


def weights_of_differences(coefficients: Sequence[float]) -> list[float]:
    """Weights on the values, newest first, of `sum_j c_j (1 - S)^j`, with `S` the shift to the older value."""
    order = len(coefficients)
    return [(-1.0) ** i * sum(coefficients[j] * comb(j, i) for j in range(i, order)) for i in range(order)]


def weighted(weights: Sequence[float], values: Sequence[Any]) -> Any:
    """`sum_j w_j value_j`."""
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + weight * value
    return total


def uniform_direction(values: Sequence[Any]) -> Any:
    """The Adams-Bashforth direction of order `len(values)` as if the steps were equal."""
    return weighted(weights_of_differences(GAMMA[: len(values)]), values)


def newton_direction(levels: Sequence[float], target: float, values: Sequence[Any]) -> Any:
    """The mean of the interpolating polynomial of `values` at `levels` over the step from `levels[0]` to `target`.

    This is Adams-Bashforth on the actual steps: `sum_j g_j value[n .. n-j]` with divided differences and
    `g_j = (1 / delta) INT prod_{i<j} (s - s_{n-i}) ds`.
    """
    delta = target - levels[0]
    differences = list(values)
    polynomial = [1.0]  # of s - s_n, lowest power first
    total = None
    for j in range(len(values)):
        mean = sum(c * delta**power / (power + 1) for power, c in enumerate(polynomial))
        term = mean * differences[0]
        total = term if total is None else total + term
        shift = levels[j] - levels[0]
        polynomial = [
            (polynomial[p - 1] if p else 0.0) - shift * (polynomial[p] if p < len(polynomial) else 0.0)
            for p in range(len(polynomial) + 1)
        ]
        differences = [
            (newer - older) / (levels[i] - levels[i + j + 1])
            for i, (newer, older) in enumerate(itertools.pairwise(differences))
        ]
    return total
