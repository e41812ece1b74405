"""Interval bound propagation: a box goes through the network, layer by layer.

For an affine layer with the centre `c = (l + u) / 2` and the radius `r = (u - l) / 2`

    c' = W c + b,    r' = |W| r

and for a monotone activation `l' = phi(l)`, `u' = phi(u)`; each primitive of JAX has such a rule.
"""

from typing import Any, ClassVar

from jaxtyping import Array

from ..core import Paper, interpret
from ._backward import interval_rows
from ._bound import AbstractBoundMethod, Outcome
from ._graph import Graph, boxes_of
from ._interval import INTERVAL
from ._papers import AUTO_LIRPA
from ._papers import IBP as IBP_PAPER


class IBP(AbstractBoundMethod):
    """Interval arithmetic: the cheapest bounds, two evaluations of the network, and the loosest. Exact where every
    variable is used once and all functions are monotone.

    **Returns:** a frozen method for `verify.bound`.

    Source: Gowal et al. 2018, arXiv 1810.12715.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> found = verify.bound(jnp.exp, verify.Box(jnp.zeros(1), jnp.ones(1)), verify.IBP())
    >>> float(found.lower[0])
    1.0
    """

    papers: ClassVar[tuple[Paper, ...]] = (AUTO_LIRPA, IBP_PAPER)

    def intervals(self, graph: Graph) -> tuple[dict[Any, Any], int]:
        return interpret(graph.program, INTERVAL, boxes_of(graph)), 1

    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        known, evaluations = self.intervals(graph)
        return Outcome(interval_rows(known[graph.output], rows), None, None, known, evaluations)
