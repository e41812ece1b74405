"""Branch and bound that splits the box of inputs.

A box that is not proved is cut in two in the middle of one axis. With the linear lower bound `<A, x> + b` of the row
that decides, an axis `j` loosens it by `|A_j| (u_j - l_j)`, and the axis with the largest such product is cut. The
corner at which the linear bound is least is where a counterexample is looked for.

Complete in the limit for every continuous function; the number of boxes grows exponentially with the number of inputs,
so it is for few of them, as the five of ACAS Xu.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper
from ._bound import AbstractBoundMethod, bound
from ._branch_and_bound import BOUNDS, AbstractBranchAndBound, Domains, Examined
from ._papers import AUTO_LIRPA, BRANCH_AND_BOUND
from ._query import Query, deciding, unsafety
from ._sets import Box


class InputSplitting(AbstractBranchAndBound):
    """Split the inputs. For functions of few inputs (up to about ten), of any kind that `verify.bound` takes.

    **Arguments:**

    - `bounds`: the method that bounds a box, such as `CROWN()` or `IBP()`.
    - `batch_size`: boxes in one compiled call.
    - `seconds`: when to stop, compilation included; `memory`: of the boxes that wait, in MiB.
    - `margin`: what lower bounds must exceed, as a part of the magnitude of the outputs.
    - `starts`, `attack_steps`: of the projected gradient descent that comes first.

    **Returns:** a frozen method for `verify.verify`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Bunel et al. 2018, arXiv 1711.00455 (branch and bound for networks); bounds by Xu et al. 2020,
    arXiv 2002.12920.

    >>> from perturbax import verify
    >>> verify.InputSplitting(seconds=10.0).batch_size
    256
    """

    bounds: AbstractBoundMethod = BOUNDS
    batch_size: int = eqx.field(static=True, default=256)
    seconds: float = eqx.field(static=True, default=60.0)
    memory: float = eqx.field(static=True, default=1024.0)
    margin: float = eqx.field(static=True, default=1e-9)
    starts: int = eqx.field(static=True, default=64)
    attack_steps: int = eqx.field(static=True, default=40)

    papers: ClassVar[tuple[Paper, ...]] = (BRANCH_AND_BOUND, AUTO_LIRPA)

    def prepare(self, query: Query) -> None:
        return None

    def root(self, query: Query, prepared: None) -> Domains:
        return {"lower": query.lower[None], "upper": query.upper[None]}

    def examine(self, query: Query, prepared: None, domains: Domains) -> Examined:
        lower, upper = domains["lower"], domains["upper"]
        found = bound(query.margins, Box(lower, upper), self.bounds, batched=True)
        slopes = None if found.linear is None else found.linear.lower_coefficients
        points, values, axis = _inspect(
            query.margins, query.groups, lower, upper, found.lower, slopes, domains["excluded"]
        )
        return Examined(np.asarray(found.lower), np.asarray(points), np.asarray(values), {"axis": np.asarray(axis)})

    def branch(
        self, query: Query, prepared: None, domains: Domains, choices: Domains, rounding: float
    ) -> tuple[Domains, np.ndarray, np.ndarray]:
        row, axis = np.arange(len(choices["axis"])), choices["axis"]
        lower, upper = domains["lower"], domains["upper"]
        middle = 0.5 * (lower[row, axis] + upper[row, axis])
        # A box with no number between its sides is decided by its values, not by splitting it.
        splits = (lower[row, axis] < middle) & (middle < upper[row, axis])
        left, right = upper.copy(), lower.copy()
        left[row, axis], right[row, axis] = middle, middle
        halves = {**domains, "weight": 0.5 * domains["weight"]}
        below, above = {**halves, "upper": left}, {**halves, "lower": right}
        # Both halves of a box stay together, so that the hardest box is last.
        children = {
            name: np.stack([below[name], above[name]], 1)[splits].reshape(-1, *below[name].shape[1:])
            for name in domains
        }
        return children, np.empty((0, lower.shape[1])), ~splits


@eqx.filter_jit
def _inspect(margins: Any, groups: Any, lower: Any, upper: Any, rows: Any, slopes: Any, excluded: Any) -> Any:
    """For each box a suspicious point, its `unsafety`, and the axis to split."""

    def one(lower: Any, upper: Any, rows: Any, slopes: Any, excluded: Any) -> Any:
        width, middle = upper - lower, 0.5 * (lower + upper)
        splits = (lower < middle) & (middle < upper)
        if slopes is None:
            return middle, unsafety(margins(middle), groups), jnp.argmax(jnp.where(splits, width, -1.0))
        slope = slopes[deciding(rows, groups, excluded)]
        corner = jnp.where(slope > 0, lower, upper)
        values = jax.vmap(lambda x: unsafety(margins(x), groups))(jnp.stack([middle, corner]))
        gain = jnp.where(splits & jnp.isfinite(slope), jnp.abs(slope), 0.0) * width
        axis = jnp.where(jnp.max(gain) > 0, jnp.argmax(gain), jnp.argmax(jnp.where(splits, width, -1.0)))
        return jnp.where(values[1] < values[0], corner, middle), jnp.min(values), axis

    return jax.vmap(one)(lower, upper, rows, slopes, excluded)
