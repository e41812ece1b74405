"""Diagonalisation without a perturbation: the QR algorithm of LAPACK, as a baseline.

    E = 0

For a normal matrix this is all that is needed. For the HiPPO-LegS matrix of size `n` the eigenvectors have a condition
number that grows exponentially in `n`: 8e10 at 16, beyond the reach of float64 at 32.
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Inexact

from ..core import Paper
from ._diagonalize import AbstractDiagonalization
from ._papers import QR_ALGORITHM


class Eig(AbstractDiagonalization):
    """The eigendecomposition of the matrix itself. For normal matrices; non-normal ones lose their digits.

    **Returns:** a frozen method for `linalg.diagonalize`, which needs no key.

    Source: Francis 1961; `geev` of LAPACK.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> linalg.diagonalize(np.diag([1.0, 2.0]), linalg.Eig()).condition
    1.0
    """

    random: ClassVar[bool] = False
    papers: ClassVar[tuple[Paper, ...]] = (QR_ALGORITHM,)

    def perturbation(self, A: Inexact[np.ndarray, "n n"], key: Any) -> tuple[Inexact[np.ndarray, "n n"], int]:
        return np.zeros_like(A), 0
