"""Training on bounded margins: each class has a row of its own, and the loss is taken of the bounds.

With `L_j <= f_y - f_j` on the box, and `L_y = 0`, the cross entropy is at most `log sum_j exp(-L_j)`.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ._bound import AbstractBoundMethod
from ._fit import AbstractCertifiedTraining
from ._graph import trace
from ._papers import AUTO_LIRPA, CROWN_IBP
from ._sets import Box


class MarginTraining(AbstractCertifiedTraining):
    """Certified training with a row for each class: CROWN-IBP training. The baseline of `LossFusion`.

    **Arguments:** `bound`: how the margins are bounded, `None` for intervals of the neurons and backward rows.

    **Returns:** a frozen method for `verify.fit`.

    **Raises:** `TypeError` when `bound` is no method of `verify.bound`.

    Source: Zhang et al. 2020, arXiv 1906.06316.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> worst = verify.MarginTraining().worst(lambda x: x, verify.Box(jnp.zeros(2), jnp.zeros(2)), jnp.int32(0))
    >>> round(float(worst), 4)
    0.6931
    """

    bound: AbstractBoundMethod | None = None

    papers: ClassVar[tuple[Paper, ...]] = (CROWN_IBP, AUTO_LIRPA)

    def worst(self, network: Any, inputs: Box, label: Array) -> Float[Array, ""]:
        graph = trace(network, inputs)
        classes = jnp.eye(graph.output.shape[0], dtype=graph.output.dtype)
        return jax.nn.logsumexp(-self.lower(graph, classes[label] - classes))
