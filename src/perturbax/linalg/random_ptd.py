"""Perturb, then diagonalise: the perturbation drawn at random.

Yu et al. 2023 (arXiv 2310.01698), after Banks et al. 2019 (arXiv 1906.11819), who bound the condition number that a
complex Gaussian perturbation of size `eps` leaves by a constant of `n` over `eps`:

    E = eps Z / |Z|_2,      Z_ij ~ N(0, 1)   (complex normal for a complex A).
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Inexact

from ..core import Paper, check_number
from ._diagonalize import AbstractDiagonalization
from ._ginibre import ginibre
from ._papers import DAVIES_CONJECTURE, PTD


class RandomPTD(AbstractDiagonalization):
    """Perturb-then-diagonalize with a Ginibre matrix: one eigendecomposition, condition numbers of order `1 / eps`.

    **Arguments:** `eps`: the 2-norm of `E`, in the unit of `A`. The sizes 1e-2 to 1 that the paper trains with are
    relative to `|A|_2`, which for HiPPO-LegS of size `n` is `0.637 n^2`.

    **Returns:** a frozen method for `linalg.diagonalize`.

    **Raises:** `ValueError` when `eps` is not positive.

    Source: Yu et al. 2023, section 4; Banks et al. 2019.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> found = linalg.diagonalize(np.eye(4, k=1), linalg.RandomPTD(0.01), key=jax.random.key(0))
    >>> round(float(np.linalg.norm(found.perturbation, 2)), 6)
    0.01
    """

    eps: float | int = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (PTD, DAVIES_CONJECTURE)

    def __check_init__(self):
        check_number("eps", self.eps, minimum=0.0, exclusive=True)

    def perturbation(self, A: Inexact[np.ndarray, "n n"], key: Any) -> tuple[Inexact[np.ndarray, "n n"], int]:
        return ginibre(key, A, self.eps), 0
