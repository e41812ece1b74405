"""Physics-informed neural networks.

A multi-layer perceptron `u(x; theta)` on the domain mapped to `[-1, 1]^d` minimises

    w_0 mean |R(x_i, u)|^2 + sum_k w_k mean |B_k(x_j, u)|^2

over points inside and for each condition. The derivatives in `R` are those of the network itself.
"""

from typing import Any, ClassVar

from ..core import Paper
from ._collocation import AbstractCollocation
from ._dense import Dense, check_hidden
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import PINN as PINN_PAPER
from ._problem import PDEProblem
from ._sampler import AbstractSampler, FixedPoints


class PINN(AbstractCollocation):
    """A tanh network that is fitted to the equation and its conditions.

    **Arguments:**

    - `hidden`: widths of the hidden layers.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `ValueError` for widths that are no positive integers.

    Source: Raissi, Perdikaris & Karniadakis 2019 (arXiv 1711.10561).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.PINN(hidden=(8,), optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    33
    """

    hidden: tuple[int, ...] = (32, 32)
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (PINN_PAPER,)

    def __check_init__(self):
        check_hidden(self.hidden)

    def network(self, problem: PDEProblem, key: Any) -> Dense:
        return Dense(problem.dimension, self.hidden, problem.fields, key=key)
