"""DCDM, the deep conjugate direction method.

A network `f` is trained so that `f(r)` is parallel to the error `A^-1 r`, up to an unknown factor. With `r = b - A x`,

    q = f(r / |r|)
    d_k = q - sum_{j = k-1, k-2} (q.A d_j) / (d_j.A d_j) d_j
    alpha = (r.d_k) / (d_k.A d_k),     x <- x + alpha d_k,     r <- b - A x

The line search supplies the factor. Each step lowers the error's A-norm by the most that `d_k` can give, so that no
network makes it worse. With `f` the identity this is conjugate gradients, with a linear positive `f = M^-1` conjugate
gradients with that preconditioner, both of which need one direction of memory only; a network is not linear, and is
made conjugate to two. The safeguard (`sufficient_decrease`) is not in the paper: a step that gains too little against
steepest descent is made along `r` instead, so that the method converges whatever the network says.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from ._krylov import Outcome, conjugate_directions
from ._network import Proposal, check_network
from ._papers import DCDM as DCDM_PAPER
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class DCDM(AbstractLinearSolver):
    """Conjugate directions that a network proposes. Train the network by `linalg.fit`.

    The network may compute in float32 while residuals and scalars are float64, which tolerances below 1e-6 need.

    **Arguments:**

    - `network`: a function from residuals to directions, of the shape of `b`, such as `nn.ResidualUNet`.
    - `memory`: how many directions the new one is made conjugate to.
    - `tol`: stops at `|r| <= tol |b|`; `max_steps`: largest number of iterations.
    - `refresh`: the residual is computed anew every so many steps, and by recursion in between.
    - `sufficient_decrease`: the share of what steepest descent would gain (in the square of the error's A-norm) that a
      proposal must gain to be taken; with 0 every direction of positive curvature is taken. With a half, networks that
      were not trained fall back at every step, which is conjugate gradients, and trained ones hardly ever do.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `TypeError` for a network that cannot be called, `ValueError` for numbers out of range. `solve` warns
    when more than half of the proposals were refused.

    Source: Kaneda et al. 2023, arXiv 2205.10763; the safeguard is this library's.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> exact = np.array([1.0, 0.5, 0.25])
    >>> system = linalg.LinearSystem(np.diag(1.0 / exact), np.ones(3))
    >>> int(linalg.solve(system, linalg.DCDM(lambda r: exact * r)).iterations)
    1
    """

    network: Callable
    memory: int = 2
    tol: float = 1e-4
    max_steps: int = 1000
    refresh: int = 1
    sufficient_decrease: float = 0.5

    papers: ClassVar[tuple[Paper, ...]] = (DCDM_PAPER,)

    def __check_init__(self):
        check_network(self.network)
        check_integer("memory", self.memory, minimum=1)
        check_integer("refresh", self.refresh, minimum=1)
        check_number("sufficient_decrease", self.sufficient_decrease, minimum=0.0, maximum=1.0)

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        return conjugate_directions(
            system,
            Proposal(self.network),
            self.tol,
            self.max_steps,
            memory=self.memory,
            refresh=self.refresh,
            sufficient_decrease=self.sufficient_decrease,
        )
