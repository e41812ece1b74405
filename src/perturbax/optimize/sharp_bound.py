r"""The sharp form of the trace bound.

If `rho(T) < 1` there is `X > 0` with `T*(X) < X`. Multiplied by `X^{-1}`, its trace says with
`tr(A X A X^{-1}) >= |A|_F^2` for every symmetric `A`

    a E |H_i|_F^2 + (1 - a) |H|_F^2 <= (2 / eta) tr H
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import DYNAMICAL_STABILITY
from ._sharpness import Sharpness
from ._stability import AbstractSharpnessBound, ratio


class SharpBound(AbstractSharpnessBound):
    """The closest of the necessary conditions that are made of norms. For one output and a batch of one it is
    `E |g|^4 / E |g|^2 <= 2 / eta`, and sufficient too when all gradients have the same norm.

    **Returns:** a frozen method for `optimize.stability`.

    Source: derived as the trace bound of Wu & Su 2023, arXiv 2305.17490, before Jensen's inequality.

    >>> import numpy as np
    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.diag([1.0, 2.0]), learning_rate=0.1)
    >>> round(optimize.stability(problem, optimize.SharpBound()).bound, 6)
    0.588235
    """

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY,)

    def largest_rate(self, sharpness: Sharpness, noise: Any) -> Float[Array | np.ndarray, "*batch"]:
        norms = noise * sharpness.sample_squared_norm + (1.0 - noise) * sharpness.squared_norm
        return ratio(2.0 * sharpness.trace, norms)
