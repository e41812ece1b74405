r"""The minimiser, by exact steps in turn.

    W <- C M (Sigma_W + M^T C M + lambda_W / K)^{-1}
    M <- (W + beta M0) B,   P <- beta B   with   B = (W^T W + lambda_H + beta)^{-1}

from the given features; see `_collapse_problem.py` for the letters. Both are linear solves of size `d` and neither
raises `L`. At the end the deviations are a fixed linear filter of the given ones: directions in the row space of `W`
with singular value `w` shrink by `beta / (beta + lambda_H + w^2)`, all others by `beta / (beta + lambda_H)`.
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_integer, check_number
from ._collapse_problem import CollapseProblem
from ._flow import AbstractFlowMethod, Path
from ._minimiser import alternate, check_bounded, one_time
from ._papers import NEURAL_COLLAPSE


class AlternatingExact(AbstractFlowMethod):
    """The minimiser by turns: the best classifier for the features, the best features for the classifier.

    It ends where the gradient flow from the same features ends, in a few solves.

    **Arguments:** `tol`: the norm `sqrt(N) |dL/dH|` to reach, where `dL/dW` is zero; `max_steps`: the largest number of
    turns.

    **Returns:** a frozen method for `dynamics.flow`, whose solution has the one time infinity.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, or a problem with `feature_decay + proximity = 0`,
    whose features have no finite minimiser; `SolverError`, when used, when the steps do not suffice.

    Source: the model of Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658; the steps are derived here.

    >>> import numpy as np
    >>> from perturbax import dynamics
    >>> h = np.eye(4) + 0.05 * np.random.default_rng(0).normal(size=(10, 4, 4))
    >>> problem = dynamics.CollapseProblem(h.reshape(40, 4), np.arange(40) % 4)
    >>> bool(dynamics.flow(problem, dynamics.AlternatingExact()).stats["residual"] <= 1e-10)
    True
    """

    tol: float = 1e-10
    max_steps: int = 10_000

    papers: ClassVar[tuple[Paper, ...]] = (NEURAL_COLLAPSE,)

    def __check_init__(self):
        check_number("tol", self.tol, minimum=0.0, exclusive=True)
        check_integer("max_steps", self.max_steps, minimum=1)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        check_bounded(problem, self)
        return one_time(alternate(problem.settle(), jnp.asarray(self.tol), self.max_steps))
