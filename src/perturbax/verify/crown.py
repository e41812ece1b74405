"""CROWN on general graphs: linear bounds that are propagated backward.

Every equation that is not affine is held between two planes on the interval of its operands, and a lower bound of
`<c, f>` is found by substituting planes from the output to the inputs (`_backward`). The intervals that the planes
stand on come from the same substitution, one variable after the other; they are intersected with interval arithmetic,
so that no bound is looser than that of `IBP`.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper
from ._backward import Backward, interval_rows, places, row_bounds
from ._bound import AbstractBoundMethod, Outcome
from ._crown import AbstractCROWN
from ._graph import Graph
from ._papers import AUTO_LIRPA
from ._papers import CROWN as CROWN_PAPER
from ._slope import AbstractSlope, AdaptiveSlope


class CROWN(AbstractCROWN):
    """Backward linear bounds. Tighter than `IBP` and never looser; the cost of a row for each neuron and output.

    **Arguments:**

    - `intermediate`: the method that bounds the neurons, `None` for CROWN itself. `CROWN(IBP())` is CROWN-IBP, whose
      cost is that of the outputs alone; `CROWN(ForwardLinear())` lies between.
    - `slope`: the lower lines of ReLUs, `AdaptiveSlope()` for CROWN and `SameSlope()` for Fast-Lin.
    - `chunk`: rows that are propagated at once; less takes less memory.

    **Returns:** a frozen method for `verify.bound`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Zhang et al. 2018, arXiv 1811.00866, on graphs by Xu et al. 2020, arXiv 2002.12920.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> box = verify.Box(-jnp.ones(1), jnp.ones(1))
    >>> [float(verify.bound(lambda x: (x - x)[0], box, method).upper) for method in (verify.IBP(), verify.CROWN())]
    [2.0, 0.0]
    """

    intermediate: AbstractBoundMethod | None = None
    slope: AbstractSlope = AdaptiveSlope()
    chunk: int = eqx.field(static=True, default=1024)

    papers: ClassVar[tuple[Paper, ...]] = (AUTO_LIRPA, CROWN_PAPER)

    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        known, evaluations = self.intervals(graph)
        lower, coefficients, constants = row_bounds(Backward(graph, known, places(self.slope)), rows, self.chunk)
        lower = jnp.maximum(lower, interval_rows(known[graph.output], rows))
        return Outcome(lower, coefficients, constants, known, evaluations + len(rows))
