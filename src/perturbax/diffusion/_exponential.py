"""Exponential integrators of the diffusion ODE and SDE, in the noise or the data prediction.

With `lambda` the half log-SNR and `h = lambda_t - lambda_s`, the exact solution from `s` to `t` is
    noise:  x_t = (alpha_t / alpha_s) x_s - alpha_t INT e^-lambda e(lambda) dlambda
    data:   x_t = (sigma_t / sigma_s) x_s + sigma_t INT e^lambda  m(lambda) dlambda.
Expanding the prediction `f` (`e` or `m`) around `s`, with `D1 ~ h f'` and `D2 ~ h^2 f''`, both become
    x_t = decay x_s + w1 f + w2 D1 + w3 D2,   w_k = -b phi_k(z),
    phi_1 = e^z - 1,  phi_2 = phi_1 / z - 1,  phi_3 = phi_2 / z - 1/2,
with `z = h`, `b = sigma_t`, `decay = alpha_t / alpha_s` for noise and `z = -h`, `b = alpha_t`,
`decay = sigma_t / sigma_s` for data. The reverse SDE with noise level `stochastic` (0: the ODE, 1: the time reversal
of the process) changes the weights and adds a noise, see `weights`.

Sources: Lu et al. 2022 (DPM-Solver), Lu et al. 2022b (DPM-Solver++); Hochbruck & Ostermann 2005 for the phi functions.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import numpy as np

from ._process import AbstractProcess, namespace
from ._trace import Node

# Under this |z| the phi functions come from their Taylor series: the quotients would lose half of the digits.
_SERIES_BELOW = 1e-2


@runtime_checkable
class Evaluator(Protocol):
    """What a step evaluates: the tracer, or a real network."""

    def data(self, x: Any, node: Node, order: int = 1) -> Any: ...

    def noise(self, x: Any, node: Node, order: int = 1) -> Any: ...


def phi(z: Any) -> tuple[Any, Any, Any]:
    """`phi_1 .. phi_3` in the scaling of the module docstring; accurate for all `z`, traced or not."""
    xp = namespace(z)
    small = abs(z) < _SERIES_BELOW
    safe = xp.where(small, 1.0, z)
    phi_1 = xp.expm1(z)
    series_2 = z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6))))
    phi_2 = xp.where(small, series_2, xp.expm1(safe) / safe - 1)
    series_3 = z / 6 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6 * (1 + z / 7))))
    phi_3 = xp.where(small, series_3, (xp.expm1(safe) / safe - 1) / safe - 0.5)
    return phi_1, phi_2, phi_3


class Weights(NamedTuple):
    """`x_t = decay x_s + first f + second D1 + third D2 + noise z`."""

    decay: Any
    first: Any
    second: Any
    third: Any
    noise: Any


class Expansion(eqx.Module):
    """Which prediction is expanded: the data (`data=True`) or the noise."""

    data: bool

    def evaluate(self, evaluate: Evaluator, x: Any, node: Node, order: int) -> Any:
        """The prediction at a node."""
        return evaluate.data(x, node, order) if self.data else evaluate.noise(x, node, order)

    def weights(self, s: Node, t: Node, stochastic: float = 0.0) -> Weights:
        """The weights of a step from `s` to `t`.

        Solving the reverse SDE of noise level `stochastic` with the prediction held in the same expansion multiplies
        the integrand: `z = -(1 + stochastic) h`, `decay = (sigma_t / sigma_s) e^(-stochastic h)` and a noise of
        variance `sigma_t^2 (1 - e^(-2 stochastic h))` for data; weights `(1 + stochastic)` times larger and variance
        `stochastic sigma_t^2 (e^(2 h) - 1)` for noise.
        """
        xp = namespace(s.half_log_snr, t.half_log_snr)
        h = t.half_log_snr - s.half_log_snr
        if self.data:
            phis = phi(-(1.0 + stochastic) * h)
            decay = t.sigma / s.sigma * (xp.exp(-stochastic * h) if stochastic else 1.0)
            scale, variance = t.alpha, -xp.expm1(-2.0 * stochastic * h)
        else:
            phis = phi(h)
            decay = t.alpha / s.alpha
            scale, variance = (1.0 + stochastic) * t.sigma, stochastic * xp.expm1(2.0 * h)
        noise = t.sigma * xp.sqrt(variance) if stochastic else 0.0
        return Weights(decay, -scale * phis[0], -scale * phis[1], -scale * phis[2], noise)


def advance(weights: Weights, x: Any, f: Any, derivatives: Sequence[Any], midpoint: bool) -> Any:
    """One step with the given scaled derivatives `(D1,)` or `(D1, D2)`.

    `midpoint` replaces `w2` by `w1 / 2`, which agrees to the order of a second-order step. The noise is not added.
    """
    x = weights.decay * x + weights.first * f
    if len(derivatives) == 1:
        x = x + (0.5 * weights.first if midpoint else weights.second) * derivatives[0]
    elif derivatives:
        x = x + weights.second * derivatives[0] + weights.third * derivatives[1]
    return x


def singlestep(
    expansion: Expansion,
    order: int,
    nodes: Sequence[Node],
    x: Any,
    f: Any,
    midpoint: bool,
    evaluate: Evaluator,
) -> tuple[Any, list[Any]]:
    """A singlestep solver of order 1, 2 or 3 through `nodes` (start, inner nodes, end), with `f` at the start.

    Source: Lu et al. 2022, algorithms 1 and 2 and appendix B; for data Lu et al. 2022b, appendix.

    **Returns:** the state at the end and the predictions at the inner nodes.
    """
    s, *inner, t = nodes
    h = t.half_log_snr - s.half_log_snr
    ratios = [(node.half_log_snr - s.half_log_snr) / h for node in inner]
    weights = expansion.weights(s, t)
    if order == 1:
        return advance(weights, x, f, (), midpoint), []
    u = advance(expansion.weights(s, inner[0]), x, f, (), midpoint)
    f_1 = expansion.evaluate(evaluate, u, inner[0], order)
    if order == 2:
        return advance(weights, x, f, ((f_1 - f) / ratios[0],), midpoint), [f_1]
    r_1, r_2 = ratios
    u = advance(expansion.weights(s, inner[1]), x, f, (r_2 / r_1 * (f_1 - f),), False)
    f_2 = expansion.evaluate(evaluate, u, inner[1], order)
    if midpoint:
        return advance(weights, x, f, ((f_2 - f) / r_2,), False), [f_1, f_2]
    first, second = (f_1 - f) / r_1, (f_2 - f) / r_2
    derivatives = ((r_2 * first - r_1 * second) / (r_2 - r_1), 2.0 * (second - first) / (r_2 - r_1))
    return advance(weights, x, f, derivatives, midpoint), [f_1, f_2]


def with_inner(process: AbstractProcess, s: Node, t: Node, ratios: Sequence[float]) -> list[Node]:
    """The nodes of a singlestep solver whose inner nodes divide the step in half log-SNR by `ratios`."""
    h = t.half_log_snr - s.half_log_snr
    inner = [Node.at(process, process.time_of_half_log_snr(s.half_log_snr + r * h)) for r in ratios]
    return [s, *inner, t]


# Inner nodes of the singlestep solvers by order (Lu et al. 2022, algorithms 1 and 2).
INNER_RATIOS: dict[int, tuple[float, ...]] = {1: (), 2: (0.5,), 3: (1 / 3, 2 / 3)}


def backward_differences(
    nodes: Sequence[Node], t: Node, history: Sequence[Any], order: int, second_factor: float
) -> tuple[Any, ...]:
    """Scaled derivatives `(D1, D2)` at the newest of `nodes` from the predictions there, newest last.

    `D2` is `second_factor` times Newton's second divided difference; the derivative `h^2 f''` needs the factor 2, the
    published third-order multistep solver has 1.
    """
    if order == 1:
        return ()
    h = t.half_log_snr - nodes[-1].half_log_snr
    r_0 = (nodes[-1].half_log_snr - nodes[-2].half_log_snr) / h
    newest = (history[-1] - history[-2]) / r_0 if np.isfinite(r_0) else 0.0 * history[-1]
    if order == 2:
        return (newest,)
    r_1 = (nodes[-2].half_log_snr - nodes[-3].half_log_snr) / h
    older = (history[-2] - history[-3]) / r_1 if np.isfinite(r_1) else 0.0 * history[-1]
    change = newest - older
    return newest + r_0 / (r_0 + r_1) * change, second_factor / (r_0 + r_1) * change
