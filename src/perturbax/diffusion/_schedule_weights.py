r"""The weights of solver schedules, for one schedule or many at once.

From the start `s` to the node `t` of a step, `h = lambda_t - lambda_s`, with `z = h` for the noise `F = e` and `z = -h`
for the data `F = m`, the Taylor expansion of `F` of order `n` in the exact solution is

    noise   x_t = (alpha_t / alpha_s) x_s - sigma_t (h phi_1 F_s + sum_{k=1}^{n-1} h^{k+1} phi_{k+1} F^(k))
    data    x_t = (sigma_t / sigma_s) x_s + alpha_t (h phi_1 F_s + sum_{k=1}^{n-1} h^{k+1} phi_{k+1} F^(k)),
    phi_k = phi_k(z) = sum_j z^j / (j + k)!.

The derivatives are estimated from points `q_1 ... q_m`: `F^(k) = sum_j a_j (F_{q_j} - F_s)` with
`sum_j a_j (lambda_{q_j} - lambda_s)^i / i! = [i = k]`. The first one is multiplied by its relaxation. A corrector is
the same step of order `n + 1` with the new point among the active ones.

Source: Liu et al. 2024, arXiv 2312.07243; relaxations as in the released code.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._schedule import CORRECTORS, MAX_ORDER, RELAXATIONS, SolverSchedule, nearest_points

# Under this |z| the phi functions are summed; above it the recursion loses at most a digit per order.
_SERIES_BELOW = 1.0
_SERIES_TERMS = 20


class Decisions(NamedTuple):
    """Schedules as arrays with axes `(..., steps)`; `points` are absolute, -1 stands for none."""

    half_log_snr: Any  # (..., steps + 1)
    order: Any
    data: Any
    start: Any
    active: Any  # (..., steps, 3), for the first derivative
    nearest: Any  # (..., steps, 3), for the others
    relaxation: Any
    coefficient: Any
    corrector: Any
    real: Any  # False for steps that only fill up


class Weights(NamedTuple):
    """`x_{i+1} = decay x_start + sum_q predict[q] F_q`, corrected `decay x_start + sum_q correct[q] F_q`."""

    decay: Any  # (..., steps)
    predict: Any  # (..., steps, steps + 1)
    correct: Any  # (..., steps, steps + 1)


def decisions_of(schedules: Sequence[SolverSchedule], steps: int | None = None) -> Decisions:
    """Schedules with a leading axis, filled up to a common number of steps."""
    steps = max(schedule.steps for schedule in schedules) if steps is None else steps
    many = len(schedules)
    table = Decisions(
        half_log_snr=np.empty((many, steps + 1)),
        order=np.ones((many, steps), np.int32),
        data=np.ones((many, steps), bool),
        start=np.broadcast_to(np.arange(steps, dtype=np.int32), (many, steps)).copy(),
        active=np.full((many, steps, MAX_ORDER - 1), -1, np.int32),
        nearest=np.full((many, steps, MAX_ORDER - 1), -1, np.int32),
        relaxation=np.zeros((many, steps), np.int32),
        coefficient=np.zeros((many, steps)),
        corrector=np.zeros((many, steps), np.int32),
        real=np.zeros((many, steps), bool),
    )
    for p, schedule in enumerate(schedules):
        s = schedule.steps
        table.half_log_snr[p, : s + 1] = schedule.half_log_snr
        table.half_log_snr[p, s:] = schedule.half_log_snr[-1] + np.arange(steps - s + 1)
        table.order[p, :s] = schedule.orders
        table.data[p, :s] = [word == "data" for word in schedule.predictions]
        table.relaxation[p, :s] = [RELAXATIONS.index(word) for word in schedule.relaxations]
        table.coefficient[p, :s] = schedule.coefficients
        table.corrector[p, :s] = [CORRECTORS.index(word) for word in schedule.correctors]
        table.real[p, :s] = True
        for i in range(s):
            start = schedule.starts[i]
            table.start[p, i] = i - start
            own, others = schedule.active_points[i], nearest_points(start, schedule.orders[i] - 1)
            table.active[p, i, : len(own)] = [i - point for point in own]
            table.nearest[p, i, : len(others)] = [i - point for point in others]
    return table


def phi_functions(z: Any, count: int) -> list[Any]:
    """`phi_1 ... phi_count` in the usual scaling, `phi_k(0) = 1 / k!`; accurate for all `z`.

    >>> [round(float(phi), 6) for phi in phi_functions(np.float64(1.0), 3)]
    [1.718282, 0.718282, 0.218282]
    """
    small = abs(z) < _SERIES_BELOW
    near, far = np.where(small, z, 0.0), np.where(small, 1.0, z)
    found, last = [], np.exp(far)
    for k in range(1, count + 1):
        last = np.expm1(far) / far if k == 1 else (last - 1.0 / math.factorial(k - 1)) / far
        series = 0.0 * near
        for j in range(_SERIES_TERMS, -1, -1):
            series = series * near + 1.0 / math.factorial(j + k)
        found.append(np.where(small, series, last))
    return found


def relaxation_factor(kind: Any, coefficient: Any, h: Any, z: Any) -> Any:
    """The factor of the first derivative: the kind's own times `1 + c h`."""
    phi_1, phi_2 = phi_functions(z, 2)
    half = 0.5 * np.expm1(z)
    factors = (np.ones_like(z), 0.5 / phi_2, 0.5 * phi_1 / phi_2, 1.0 + half, 1.0 - half)
    named = sum(np.where(kind == i, factor, 0.0) for i, factor in enumerate(factors))
    return named * (1.0 + coefficient * h)


def weights_of(table: Decisions, alpha: Any, sigma: Any) -> Weights:
    """The weights of all steps; `alpha` and `sigma` at the nodes, shape `(..., steps + 1)`."""
    steps = table.order.shape[-1]
    lam = table.half_log_snr
    at_start = [np.take_along_axis(values, table.start, axis=-1) for values in (lam, alpha, sigma)]
    h = lam[..., 1:] - at_start[0]
    z = np.where(table.data, -h, h)
    decay = np.where(table.data, sigma[..., 1:] / at_start[2], alpha[..., 1:] / at_start[1])
    scale = h * np.where(table.data, alpha[..., 1:], -sigma[..., 1:])
    phis = phi_functions(z, MAX_ORDER + 1)
    new = np.broadcast_to(np.arange(1, steps + 1), table.order.shape)[..., None]

    def combined(order: Any, active: Any, nearest: Any, factor: Any) -> Any:
        points = np.arange(steps + 1)
        total = (scale * phis[0])[..., None] * (points == table.start[..., None])
        first, second = (_derivatives(lam, at_start[0], h, where) for where in (active, nearest))
        for k in range(1, active.shape[-1] + 1):
            where, a = (active, first[..., 0]) if k == 1 else (nearest, second[..., k - 1])
            size = np.where(order > k, scale * phis[k] * (factor if k == 1 else 1.0), 0.0)
            a = size[..., None] * np.where(where >= 0, a, 0.0)
            spread = (where[..., None] == points) * 1.0 - (points == table.start[..., None])[..., None, :]
            total = total + (a[..., None] * spread).sum(-2)
        return total

    factor = relaxation_factor(table.relaxation, table.coefficient, h, z)
    # UniPC's relaxations act wherever one point is active, so on the corrector of a step of order 1; a searched factor
    # belongs to the predictor.
    kind_only = relaxation_factor(table.relaxation, 0.0, h, z)
    correct_factor = np.where(table.order == 1, kind_only, 1.0)
    active, nearest = (np.concatenate([where, new], axis=-1) for where in (table.active, table.nearest))
    return Weights(
        decay,
        combined(table.order, table.active, table.nearest, factor),
        combined(table.order + 1, active, nearest, correct_factor),
    )


def _derivatives(lam: Any, at_start: Any, h: Any, where: Any) -> Any:
    """`h^k a_j` for points `where[..., j]` and `k - 1` on the last axis.

    The system of the points that are there is solved in units of `h`; a missing one is a row and column of the
    identity.
    """
    size = where.shape[-1]
    there = where >= 0
    flat = np.where(there, where, 0).reshape(*where.shape[:-2], -1)
    distance = np.take_along_axis(lam, flat, axis=-1).reshape(where.shape) - at_start[..., None]
    d = np.where(there, distance / h[..., None], 1.0)
    powers = np.stack([d**i / math.factorial(i) for i in range(1, size + 1)], axis=-2)
    # Missing points fill the last places; with the new point of a corrector behind them, move them there.
    order = np.argsort(~there, axis=-1, stable=True)
    powers = np.take_along_axis(powers, order[..., None, :], axis=-1)
    count = there.sum(-1)[..., None, None]
    rows, columns = np.arange(size)[:, None], np.arange(size)
    system = np.where((rows < count) & (columns < count), powers, np.eye(size))
    inverse = np.linalg.inv(system)
    back = np.argsort(order, axis=-1)
    return np.take_along_axis(inverse, back[..., None], axis=-2)
