r"""The bound on the trace: what stability asks of all eigenvalues together.

From the sharp form with `E |H_i|_F^2 >= (tr H)^2 / c` for `c` outputs (Jensen, Cauchy-Schwarz) and
`|H|_F^2 >= (tr H)^2 / rank H`,

    tr H <= (2 / eta) / (a / c + (1 - a) / rank H)

which is `tr H <= 2 / eta` for a batch of one. For larger batches `tr H <= 2 / eta` is not necessary.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import DYNAMICAL_STABILITY
from ._sharpness import Sharpness
from ._stability import AbstractSharpnessBound, ratio


class TraceBound(AbstractSharpnessBound):
    """A necessary condition on the trace of the Hessian, whatever the directions of the gradients.

    **Returns:** a frozen method for `optimize.stability`.

    Source: Wu & Su 2023, arXiv 2305.17490, for a batch of one; the form for every batch is derived here.

    >>> import numpy as np
    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.diag([1.0, 2.0]), learning_rate=0.1)
    >>> round(optimize.stability(problem, optimize.TraceBound()).bound, 6)
    0.8
    """

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY,)

    def largest_rate(self, sharpness: Sharpness, noise: Any) -> Float[Array | np.ndarray, "*batch"]:
        share = noise / sharpness.outputs + (1.0 - noise) / jnp.maximum(sharpness.rank, 1)
        return ratio(2.0, sharpness.trace * share)
