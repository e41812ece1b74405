"""Forward linear bounds: the planes of every equation composed from the inputs onward (`_forward`)."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_instance
from ._backward import interval_rows, least, places
from ._bound import AbstractBoundMethod, Outcome
from ._forward import forward, split
from ._graph import Graph
from ._papers import AUTO_LIRPA
from ._slope import AbstractSlope, AdaptiveSlope


class ForwardLinear(AbstractBoundMethod):
    """Linear bounds in one forward pass, intersected with `IBP`. Its cost is that of as many evaluations as there are
    numbers in the inputs, so it is for few inputs and many neurons; `CROWN` is tighter.

    **Arguments:** `slope`: the lower lines of ReLUs.

    **Returns:** a frozen method for `verify.bound`.

    **Raises:** `TypeError` when the slope is none.

    Source: Xu et al. 2020, arXiv 2002.12920.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> box = verify.Box(-jnp.ones(1), jnp.ones(1))
    >>> float(verify.bound(lambda x: 3.0 * x - x, box, verify.ForwardLinear()).upper[0])
    2.0
    """

    slope: AbstractSlope = AdaptiveSlope()

    papers: ClassVar[tuple[Paper, ...]] = (AUTO_LIRPA,)

    def __check_init__(self):
        check_instance("slope", self.slope, AbstractSlope, "a slope such as AdaptiveSlope()")

    def intervals(self, graph: Graph) -> tuple[dict[Any, Any], int]:
        return forward(graph, places(self.slope))[0], 1

    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        known, forms = forward(graph, places(self.slope))
        form = forms[graph.output]

        def one(row: Array) -> Any:
            positive, negative = jnp.maximum(row, 0.0), jnp.minimum(row, 0.0)
            coefficients = split(
                graph,
                jnp.tensordot(form.lower, positive, row.ndim) + jnp.tensordot(form.upper, negative, row.ndim),
            )
            constant = jnp.sum(positive * form.below) + jnp.sum(negative * form.above)
            return least(graph, coefficients, constant), coefficients, constant

        lower, coefficients, constants = jax.vmap(one)(rows)
        lower = jnp.maximum(lower, interval_rows(known[graph.output], rows))
        return Outcome(lower, coefficients, constants, known, 1)
