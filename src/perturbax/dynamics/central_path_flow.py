r"""The gradient flow of features along the central path, where the classifier is always the best one.

    W = W*(H) = C M (Sigma_W + M^T C M + lambda_W / K)^{-1}
    dM/dt = -(M W^T - I) W - lambda_H M - beta (M - M0),      dP/dt = -P (W^T W + lambda_H + beta) + beta

from the given features; see `_collapse_problem.py` for the letters. By the envelope theorem this is the gradient flow
of `min_W L`. Without `lambda_H` and `beta` and with classes of one size,

    d tr Sigma_W / dt = -2 tr(W Sigma_W W^T) <= 0
    dM/dt = (I - S) W   with   S = M W^T,  0 <= S < I,   so that   d |M|^2 / dt = 2 tr(S (I - S)) >= 0

and `tr Sigma_W / tr Sigma_B` decreases strictly until all deviations lie in the kernel of `W`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper
from ._collapse_problem import CollapseModel, CollapseProblem, FilteredFeatures
from ._flow import AbstractFlowMethod, Path
from ._gradient_flow import check_flow, integrate
from ._papers import CENTRAL_PATH, NEURAL_COLLAPSE


class CentralPathFlow(AbstractFlowMethod):
    """Gradient flow of the features with the classifier that is best for them at every time.

    A step costs `O(d^3)` and does not depend on the number of samples: all deviations go through one filter.

    **Arguments:**

    - `end`: the last time, in the unit `N`; `points`: times from 0 to `end`, equally spaced, at which the solution is
      kept, with `d^2` numbers each.
    - `rtol`: relative tolerance of a step; `max_steps`: the largest number of steps between two kept times.

    **Returns:** a frozen method for `dynamics.flow`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range; `SolverError`, when used, when the steps do not
    suffice.

    Source: Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658; the central path is that of Han, Papyan & Donoho 2022,
    arXiv 2106.02073. The flow of means and filter is derived here.

    >>> import numpy as np
    >>> from perturbax import dynamics
    >>> h = np.random.default_rng(0).normal(size=(6, 3))
    >>> problem = dynamics.CollapseProblem(h, [0, 0, 1, 1, 2, 2], feature_decay=0.0, proximity=0.0)
    >>> found = dynamics.flow(problem, dynamics.CentralPathFlow(end=5.0, points=11))
    >>> bool((np.diff(found.metrics.nc1_trace) < 0.0).all())
    True
    """

    end: float = 50.0
    points: int = 201
    rtol: float = 1e-8
    max_steps: int = 10_000

    papers: ClassVar[tuple[Paper, ...]] = (NEURAL_COLLAPSE, CENTRAL_PATH)

    def __check_init__(self):
        check_flow(self)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        model = problem.settle()
        path, result, evaluations = integrate(
            _Velocity(model), model.start, jnp.asarray(self.end), jnp.asarray(self.rtol), self.points, self.max_steps
        )
        times = np.linspace(0.0, self.end, self.points)
        return Path(times, path, _classifiers(model, path), result, {"evaluations": int(evaluations)})


class _Velocity(eqx.Module):
    model: CollapseModel

    def __call__(self, h: FilteredFeatures) -> FilteredFeatures:
        return self.model.velocity(h, self.model.classifier(h))


@eqx.filter_jit
def _classifiers(model: CollapseModel, path: FilteredFeatures) -> Any:
    return jax.lax.map(model.classifier, path)
