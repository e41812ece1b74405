r"""The bound on the largest eigenvalue: what gradient descent asks.

The mean of linearised SGD is gradient descent, `E delta' = (I - eta H) E delta`, which stays bounded if and only if

    lambda_max(H) <= 2 / eta
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import DYNAMICAL_STABILITY, EDGE_OF_STABILITY, HOW_SGD_SELECTS
from ._sharpness import Sharpness
from ._stability import AbstractSharpnessBound, ratio


class TopEigenvalueBound(AbstractSharpnessBound):
    """Necessary for SGD, and necessary and sufficient for gradient descent (`batch_size=None`).

    **Returns:** a frozen method for `optimize.stability`.

    Source: Wu, Ma & E 2018; for networks at the edge of it Cohen et al. 2021, arXiv 2103.00065.

    >>> import numpy as np
    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.diag([1.0, 2.0]), learning_rate=0.1, batch_size=None)
    >>> round(optimize.stability(problem, optimize.TopEigenvalueBound()).bound, 6)
    1.0
    """

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY, HOW_SGD_SELECTS, EDGE_OF_STABILITY)

    def largest_rate(self, sharpness: Sharpness, noise: Any) -> Float[Array | np.ndarray, "*batch"]:
        return ratio(2.0, sharpness.top)
