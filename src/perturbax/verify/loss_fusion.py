"""Loss fusion: the loss is part of the function that is bounded, so that one row is propagated for all classes.

With margins `m_j = f_j - f_y`, the cross entropy is `log sum_j exp(m_j)`. Above it lies a plane in the margins: each
`exp` below its chord on the interval of `m_j`, and `log` below its tangent. Its coefficients are one row, whose
backward propagation bounds the loss whatever the number of classes.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ._bound import AbstractBoundMethod
from ._fit import AbstractCertifiedTraining
from ._graph import trace
from ._papers import AUTO_LIRPA
from ._sets import Box


class LossFusion(AbstractCertifiedTraining):
    """Certified training at the cost of one row for each instance.

    **Arguments:** `bound`: how the loss is bounded, `None` for intervals of the neurons and one backward row.

    **Returns:** a frozen method for `verify.fit`.

    **Raises:** `TypeError` when `bound` is no method of `verify.bound`.

    Source: Xu et al. 2020, arXiv 2002.12920.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> worst = verify.LossFusion().worst(lambda x: x, verify.Box(jnp.zeros(2), jnp.zeros(2)), jnp.int32(0))
    >>> round(float(worst), 4)
    0.6931
    """

    bound: AbstractBoundMethod | None = None

    papers: ClassVar[tuple[Paper, ...]] = (AUTO_LIRPA,)

    def worst(self, network: Any, inputs: Box, label: Array) -> Float[Array, ""]:
        def loss(x: Array) -> Array:
            scores = network(x)
            return jax.nn.logsumexp(scores - scores[label])

        graph = trace(loss, inputs)
        return -self.lower(graph, -jnp.ones((1,), graph.output.dtype))[0]
