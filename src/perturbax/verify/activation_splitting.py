"""Branch and bound that splits the activations of a piecewise linear network.

A subdomain says for some ReLUs (and other elements that bend) on which side they are. Its bound is that of `_phases`:
intervals of the region, cut at the bends, and multipliers of the constraints. The element to split is the one whose two
sides raise the bound of the deciding row most, to first order: by `min(-g_l l, -g_u u)` with the gradients `g` of the
bound in the ends `l`, `u` of the element's interval.

When no element is open the network is affine, and a linear program decides. To be sound whatever the solver's
tolerance, its multipliers are only a proposal: a subdomain is excluded when their Lagrangian, evaluated here, is above
0 on the box.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import numpy as np
from scipy.optimize import linprog

from ..core import Paper, check_integer, check_number
from ._bound import AbstractBoundMethod
from ._branch_and_bound import BOUNDS, AbstractBranchAndBound, Domains, Examined
from ._papers import BETA_CROWN, BRANCH_AND_BOUND
from ._phases import affine_pieces, bound_phases, is_piecewise_linear, root_intervals
from ._query import Query
from ._sets import Box


class _Prepared(NamedTuple):
    box: Box
    root: Any
    open: Any
    piecewise_linear: bool


class ActivationSplitting(AbstractBranchAndBound):
    """Split ReLUs and the like. For piecewise linear networks with many inputs. Other functions are bounded, but where
    that is not enough and no element can be split, the answer is `"unknown"`.

    **Arguments:**

    - `bounds`: the method that finds the intervals on the whole region, such as `CROWN()`.
    - `steps`, `learning_rate`: of the ascent in slopes and multipliers for each subdomain.
    - `batch_size`: subdomains in one compiled call.
    - `seconds`: when to stop, compilation included; `memory`: of the subdomains that wait, in MiB.
    - `margin`: what lower bounds must exceed, as a part of the magnitude of the outputs.
    - `starts`, `attack_steps`: of the projected gradient descent that comes first.

    **Returns:** a frozen method for `verify.verify`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Bunel et al. 2018, arXiv 1711.00455 (branch and bound for networks); Wang et al. 2021, arXiv 2103.06624
    (multipliers of splits).

    >>> from perturbax import verify
    >>> verify.ActivationSplitting(seconds=10.0).batch_size
    64
    """

    bounds: AbstractBoundMethod = BOUNDS
    steps: int = eqx.field(static=True, default=50)
    learning_rate: float = eqx.field(static=True, default=0.1)
    batch_size: int = eqx.field(static=True, default=64)
    seconds: float = eqx.field(static=True, default=60.0)
    memory: float = eqx.field(static=True, default=1024.0)
    margin: float = eqx.field(static=True, default=1e-9)
    starts: int = eqx.field(static=True, default=64)
    attack_steps: int = eqx.field(static=True, default=40)

    papers: ClassVar[tuple[Paper, ...]] = (BETA_CROWN, BRANCH_AND_BOUND)

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def prepare(self, query: Query) -> _Prepared:
        box = Box(query.lower, query.upper)
        root, zeros = root_intervals(query.margins, box, self.bounds)
        return _Prepared(box, root, np.asarray(zeros), is_piecewise_linear(query.margins, box))

    def root(self, query: Query, prepared: _Prepared) -> Domains:
        return {"signs": prepared.open[None]}

    def examine(self, query: Query, prepared: _Prepared, domains: Domains) -> Examined:
        found = bound_phases(
            query.margins,
            prepared.box,
            prepared.root,
            query.groups,
            domains["signs"],
            domains["excluded"],
            self.steps,
            self.learning_rate,
        )
        lower, points, values, elements = (np.asarray(array) for array in found)
        return Examined(lower, points, values, {"element": elements})

    def branch(
        self, query: Query, prepared: _Prepared, domains: Domains, choices: Domains, rounding: float
    ) -> tuple[Domains, np.ndarray, np.ndarray]:
        leaf = choices["element"] < 0
        inner = {name: array[~leaf] for name, array in domains.items()}
        elements, row = choices["element"][~leaf], np.arange(np.count_nonzero(~leaf))
        signs = np.repeat(inner["signs"][:, None], 2, axis=1)
        signs[row, 0, elements], signs[row, 1, elements] = -1, 1
        children = {
            "signs": signs.reshape(2 * len(row), signs.shape[-1]),
            "excluded": np.repeat(inner["excluded"], 2, axis=0),
            "weight": np.repeat(0.5 * inner["weight"], 2),
        }
        candidates, stuck = [], leaf.copy()
        if prepared.piecewise_linear:
            for i, pieces in zip(np.flatnonzero(leaf), _pieces(query, prepared, domains["signs"][leaf]), strict=True):
                found = _violations(query, pieces, domains["signs"][i], domains["excluded"][i], rounding)
                candidates += found
                stuck[i] = len(found) > 0
        return children, np.reshape(candidates, (-1, query.lower.size)), stuck


# Leaves whose affine functions are made in one compiled call.
_LEAVES_AT_ONCE = 8


def _pieces(query: Query, prepared: _Prepared, signs: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The affine functions of leaves, one after the other."""
    for first in range(0, len(signs), _LEAVES_AT_ONCE):
        some = signs[first : first + _LEAVES_AT_ONCE]
        padded = np.resize(some, (_LEAVES_AT_ONCE, signs.shape[1]))
        found = [np.asarray(part) for part in affine_pieces(query.margins, prepared.box, prepared.root, padded)]
        yield from ([part[i] for part in found] for i in range(len(some)))


def _violations(
    query: Query, pieces: list[np.ndarray], signs: np.ndarray, excluded: np.ndarray, rounding: float
) -> list[np.ndarray]:
    """The least unsafe inputs of a leaf for the alternatives that are still not excluded."""
    A, b, Z, c = pieces
    fixed = signs != 0
    # The sides as rows that are at most 0.
    Z, c = -signs[fixed, None] * Z[fixed], -signs[fixed] * c[fixed]
    found = [
        _least_violation(np.concatenate([A[rows], Z]), np.concatenate([b[rows], c]), query.lower, query.upper, rounding)
        for rows in query.groups[~excluded]
    ]
    return [x for x in found if x is not None]


def _least_violation(
    rows: np.ndarray, constants: np.ndarray, lower: np.ndarray, upper: np.ndarray, rounding: float
) -> np.ndarray | None:
    """`None` when no `x` in the box has `rows x + constants <= 0`, else the `x` with the least largest entry.

    The linear program `min t, rows x + constants <= t` has multipliers that sum to 1; with any such, the least value of
    their sum of rows on the box is a lower bound of `t`.
    """
    objective = np.append(np.zeros(lower.size), 1.0)
    columns = np.column_stack([rows, -np.ones(len(rows))])
    bounds = [*zip(lower, upper, strict=True), (None, None)]
    solved = linprog(objective, A_ub=columns, b_ub=-constants, bounds=bounds, method="highs")
    if solved.x is None:
        return 0.5 * (lower + upper)
    weights = np.maximum(-solved.ineqlin.marginals, 0.0)
    if weights.sum() > 0:
        weights = weights / weights.sum()
        slope = weights @ rows
        if weights @ constants + np.minimum(slope * lower, slope * upper).sum() > rounding:
            return None
    return np.clip(solved.x[:-1], lower, upper)
