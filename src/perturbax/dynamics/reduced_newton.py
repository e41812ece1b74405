r"""The minimiser, by Newton's method on the classifier alone.

With the best features `M`, `P` for `W` put in, the gradient of what is left of the objective is

    g(W) = dL/dW = W (S + lambda_W / K) - C M,      S = Sigma_W + M^T C M

A step solves `g'(W) D = -g(W)` by conjugate gradients in the metric of `S + lambda_W / K`, in which a step of the
gradient is the exact step of the classifier. Where it does not lower `L` at least as far, that exact step is taken.
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_integer, check_number
from ._collapse_problem import CollapseProblem
from ._flow import AbstractFlowMethod, Path
from ._minimiser import check_bounded, newton, one_time
from ._papers import NEURAL_COLLAPSE


class ReducedNewton(AbstractFlowMethod):
    """The minimiser by Newton's method, for real features, on which exact steps in turn take thousands.

    **Arguments:** `tol`: the norm `sqrt(N) |dL/dH|` to reach, where `dL/dW` is zero; `max_steps`: the largest number of
    Newton's steps; `inner_steps`: of conjugate gradients in each of them.

    **Returns:** a frozen method for `dynamics.flow`, whose solution has the one time infinity.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, or a problem with `feature_decay + proximity = 0`;
    `SolverError`, when used, when the steps do not suffice.

    Source: the model of Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658; the method is ours.

    >>> import numpy as np
    >>> from perturbax import dynamics
    >>> h = np.eye(4) + 0.05 * np.random.default_rng(0).normal(size=(10, 4, 4))
    >>> problem = dynamics.CollapseProblem(h.reshape(40, 4), np.arange(40) % 4)
    >>> bool(dynamics.flow(problem, dynamics.ReducedNewton()).stats["residual"] <= 1e-10)
    True
    """

    tol: float = 1e-10
    max_steps: int = 200
    inner_steps: int = 500

    papers: ClassVar[tuple[Paper, ...]] = (NEURAL_COLLAPSE,)

    def __check_init__(self):
        check_number("tol", self.tol, minimum=0.0, exclusive=True)
        check_integer("max_steps", self.max_steps, minimum=1)
        check_integer("inner_steps", self.inner_steps, minimum=1)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        check_bounded(problem, self)
        return one_time(newton(problem.settle(), jnp.asarray(self.tol), self.max_steps, self.inner_steps))
