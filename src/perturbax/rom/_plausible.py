"""Which traces are as plausible as those that were seen: by their strain energy and their jumps along the boundary."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int

from ..core import check_array, check_instance, check_number
from ._boundary_problem import SubmodelProblem
from ._submodel import LinearSubmodel


class Plausible(eqx.Module):
    """A filter of traces: strain energy, and largest difference between neighbours, up to a factor of the largest seen.

    **Arguments:**

    - `problem`: with a submodel; its traces set the limits.
    - `neighbours`: pairs of components of a trace that lie side by side, shape `(pairs, 2)`; none are compared when
      `None`. `neighbours_around` makes them for nodes in order around a closed curve.
    - `factor`: on the largest values that were seen.

    **Returns:** a filter: `plausible(traces)` are booleans of shape `(n,)`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit, or a problem without submodel.

    >>> chain = LinearSubmodel([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]], [0, 2])
    >>> problem = SubmodelProblem([[0.0, 1.0], [0.0, -1.0], [0.0, 0.5]], submodel=chain)
    >>> Plausible(problem)([[0.0, 1.2], [0.0, 1.3], [5.0, 6.0]]).tolist()
    [True, False, True]
    """

    submodel: LinearSubmodel
    neighbours: Int[np.ndarray, "pairs 2"]
    largest_energy: float
    largest_jump: float

    def __init__(self, problem: SubmodelProblem, neighbours: Any = None, factor: float = 1.5):
        check_instance("problem", problem, SubmodelProblem, "a rom.SubmodelProblem(...)")
        self.submodel = check_instance("problem.submodel", problem.submodel, LinearSubmodel, "a rom.LinearSubmodel")
        factor = check_number("factor", factor, minimum=1.0)
        pairs = np.zeros((0, 2), np.int64) if neighbours is None else np.asarray(neighbours)
        check_array("neighbours", pairs, shape=(None, 2), kind="integer", nonempty=False)
        if pairs.size and not 0 <= pairs.min() <= pairs.max() < self.submodel.size:
            raise ValueError(
                f"neighbours must lie in [0, {self.submodel.size - 1}], got {pairs.min()} to {pairs.max()}"
            )
        self.neighbours = pairs.astype(np.int64)
        self.largest_energy = factor * float(self.submodel.energy(problem.traces).max())
        self.largest_jump = factor * float(self._jumps(problem.traces).max())

    def __call__(self, traces: Any) -> Bool[np.ndarray, " n"]:
        traces = np.asarray(check_array("traces", traces, shape=(None, self.submodel.size)), np.float64)
        return (self.submodel.energy(traces) <= self.largest_energy) & (self._jumps(traces) <= self.largest_jump)

    def _jumps(self, traces: Float[np.ndarray, "n d_b"]) -> Float[np.ndarray, " n"]:
        one, other = self.neighbours.T
        return np.abs(traces[:, one] - traces[:, other]).max(1, initial=0.0)


def neighbours_around(nodes: int, components: int) -> Int[np.ndarray, "pairs 2"]:
    """The pairs of equal components of neighbouring nodes once around a closed curve.

    >>> neighbours_around(3, 1).tolist()
    [[0, 1], [1, 2], [2, 0]]
    """
    index = np.arange(nodes * components).reshape(nodes, components)
    return np.stack([index, np.roll(index, -1, 0)], -1).reshape(-1, 2)
