r"""The minimiser near collapse, in closed form.

With the singular values and vectors `M0 = U diag(s) V^T` of the given class means, for classes of one size,

    W_c = U diag(w) V^T,   M_c = U diag(h) V^T,   w (h^2 + lambda_W) = h,   w (w h - 1) + lambda_H h + beta (h - s) = 0
    P_1 = beta (W_c^T W_c + lambda_H + beta)^{-1}

is the minimiser for collapsed features and, to first order in the deviations `Z0`, the filter of deviations. Because
`W` sees `Sigma_W`, which is of second order, the relative error of `Z0 P_1` is of second order.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from ..core import Paper, check_integer
from ._collapse_problem import CollapseProblem
from ._flow import AbstractFlowMethod, Path
from ._minimiser import check_balanced, check_bounded, end_only, predict
from ._papers import EXTENDED_UNCONSTRAINED_FEATURES, NEURAL_COLLAPSE


class CollapsePredictor(AbstractFlowMethod):
    """The minimiser to order 0 or 1 in the deviations of the given features from their class means.

    For features near collapse. Far from it use `AlternatingExact`, which is exact and hardly slower.

    **Arguments:** `order`: 1, or 0 for exact collapse, as the unconstrained-features model has it.

    **Returns:** a frozen method for `dynamics.flow`, whose solution has the one time infinity.

    **Raises:** `TypeError`, `ValueError` for another order, classes of different sizes, or a problem with
    `feature_decay + proximity = 0`; `SolverError`, when used, when Newton's method for the singular values fails.

    Source: Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658, derived anew for the weights here; order 0 is collapse as
    in Tirer & Bruna 2022, arXiv 2202.08087.

    >>> import numpy as np
    >>> from perturbax import dynamics
    >>> h = np.eye(4) + 0.05 * np.random.default_rng(0).normal(size=(10, 4, 4))
    >>> problem = dynamics.CollapseProblem(h.reshape(40, 4), np.arange(40) % 4)
    >>> methods = dynamics.CollapsePredictor(), dynamics.AlternatingExact()
    >>> predicted, exact = (dynamics.flow(problem, method).metrics.nc1_trace[0] for method in methods)
    >>> bool(abs(predicted / exact - 1.0) < 0.01)
    True
    """

    order: int = 1

    papers: ClassVar[tuple[Paper, ...]] = (NEURAL_COLLAPSE, EXTENDED_UNCONSTRAINED_FEATURES)

    def __check_init__(self):
        check_integer("order", self.order, minimum=0, maximum=1)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        check_bounded(problem, self)
        check_balanced(problem)
        h, W, result = predict(problem.settle())
        h = eqx.tree_at(lambda h: h.filter, h, h.filter if self.order else jnp.zeros_like(h.filter))
        return end_only(h, W, result, {"evaluations": 0})
