r"""The widths that perturb a network least within a budget, as an integer linear program.

    min sum_ib Omega_ib x_ib      with  x_ib in {0, 1},  sum_b x_ib = 1,  sum_ib C_ib x_ib <= B for each cost,
                                        x_ib = x_jb for layers i, j that feed one addition

HiGHS stops at an absolute gap of 1e-6, while perturbations span many orders of magnitude. So the program is solved
twice: no single term of the optimum is larger than the value that the first solution has, and the second time what is
larger is excluded and the rest is scaled by it. That makes the answer exact to nine digits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from jaxtyping import Float

from ..core import SolverError

# By how much a limit is lowered when a solution exceeds it within the solver's tolerance of 1e-6, and how often.
_TIGHTER, _TRIES = 2e-6, 3


def allocate(
    perturbation: Float[np.ndarray, "layers widths"],
    costs: Mapping[str, Float[np.ndarray, "layers widths"]],
    limits: Mapping[str, float],
    allowed: np.ndarray,
    tied: Sequence[tuple[int, ...]] = (),
) -> np.ndarray:
    """The index of the width of each layer.

    **Arguments:** `perturbation`: not negative; `allowed`: booleans, shape `(layers, widths)`; `tied`: layers with one
    width.

    **Raises:** `ValueError` for a budget that nothing satisfies, with the smallest value that a limit may have;
    `SolverError` when HiGHS gives up.
    """
    check_feasible(costs, limits, allowed, tied)
    scale = float(perturbation[allowed].max()) or 1.0
    first = _solve(perturbation / scale, costs, limits, allowed, tied)
    value = float(np.take_along_axis(perturbation, first[:, None], 1).sum())
    if value == 0.0:
        return first
    possible = allowed & (perturbation <= value)
    second = _solve(np.where(possible, perturbation, 0.0) * (1e3 / value), costs, limits, possible, tied)
    return min((first, second), key=lambda rows: float(np.take_along_axis(perturbation, rows[:, None], 1).sum()))


def check_feasible(
    costs: Mapping[str, np.ndarray], limits: Mapping[str, float], allowed: np.ndarray, tied: Sequence[tuple[int, ...]]
) -> None:
    """Refuse a budget below the cheapest network."""
    for name, cost in costs.items():
        whole = np.where(allowed, cost, np.inf)
        least = 0.0
        for group in groups(len(cost), tied):
            least += whole[list(group)].sum(0).min()
        if not least <= limits[name] * (1.0 + 1e-12):
            raise ValueError(f"budget: {name} must be at least {least:.6g}, got {limits[name]:.6g}")


def groups(layers: int, tied: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Layers that share a width, each layer in one group."""
    label = list(range(layers))
    for group in tied:
        joined = {label[i] for i in group}
        label = [min(joined) if one in joined else one for one in label]
    return [tuple(i for i in range(layers) if label[i] == one) for one in sorted(set(label))]


def _solve(
    objective: np.ndarray,
    costs: Mapping[str, np.ndarray],
    limits: Mapping[str, float],
    allowed: np.ndarray,
    tied: Sequence[tuple[int, ...]],
) -> np.ndarray:
    layers, widths = objective.shape
    one = scipy.sparse.kron(scipy.sparse.eye_array(layers), np.ones((1, widths)), format="csr")
    constraints: list[Any] = [scipy.optimize.LinearConstraint(one, 1.0, 1.0)]
    pairs = [(group[0], i) for group in groups(layers, tied) for i in group[1:]]
    if pairs:
        rows = scipy.sparse.lil_array((len(pairs), layers))
        for row, (i, j) in enumerate(pairs):
            rows[row, i], rows[row, j] = 1.0, -1.0
        same = scipy.sparse.kron(rows, scipy.sparse.eye_array(widths), format="csr")
        constraints.append(scipy.optimize.LinearConstraint(same, 0.0, 0.0))
    for attempt in range(_TRIES):
        limited = [
            scipy.optimize.LinearConstraint(cost.reshape(1, -1) / limits[name], -np.inf, 1.0 - attempt * _TIGHTER)
            for name, cost in costs.items()
        ]
        found = scipy.optimize.milp(
            objective.reshape(-1),
            integrality=np.ones(objective.size),
            bounds=scipy.optimize.Bounds(0.0, allowed.reshape(-1).astype(float)),
            constraints=[*constraints, *limited],
            options={"mip_rel_gap": 0.0},
        )
        if found.x is None:
            raise (SolverError if found.status != 2 else ValueError)(f"budget: no allocation found ({found.message})")
        rows = found.x.reshape(layers, widths).argmax(1)
        spent = {name: np.take_along_axis(cost, rows[:, None], 1).sum() for name, cost in costs.items()}
        if all(value <= limits[name] * (1.0 + 1e-12) for name, value in spent.items()):
            return rows
    raise SolverError(f"the allocation exceeds its budget after {_TRIES} attempts: {spent}, allowed {dict(limits)}")
