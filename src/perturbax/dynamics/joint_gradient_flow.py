r"""The gradient flow of features and classifier together, from a random classifier.

    dH/dt = -N dL/dH,      dW/dt = -K r dL/dW = -r (K W (Sigma_W + M^T C M) - K C M + lambda_W W)

which is gradient descent on both with small steps. The faster the classifier, the closer it stays to the best one, and
the flow to the central path. While `W` is not the best one, `Sigma_W` decreases too, but `Sigma_B` may decrease faster.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_number
from ._collapse_problem import CollapseModel, CollapseProblem, FilteredFeatures
from ._flow import AbstractFlowMethod, Path, needed_key
from ._gradient_flow import check_flow, integrate
from ._papers import UNCONSTRAINED_FEATURES


class JointGradientFlow(AbstractFlowMethod):
    """Gradient flow of features and classifier, which starts at normal numbers: not the central path.

    **Arguments:**

    - `end`, `points`, `rtol`, `max_steps`: as of `CentralPathFlow`.
    - `rate`: `r`, the speed of the classifier.
    - `scale`: the standard deviation of the first classifier, times `sqrt(d)`.

    **Returns:** a frozen method for `dynamics.flow`, which needs a `key`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range or no key; `SolverError`, when used, when the steps
    do not suffice.

    Source: the unconstrained-features model of Mixon, Parshall & Pi 2020, arXiv 2011.11619.

    >>> import jax, numpy as np
    >>> from perturbax import dynamics
    >>> h = np.random.default_rng(0).normal(size=(6, 3))
    >>> problem = dynamics.CollapseProblem(h, [0, 0, 1, 1, 2, 2], proximity=0.0)
    >>> found = dynamics.flow(problem, dynamics.JointGradientFlow(end=5.0, points=11), key=jax.random.key(0))
    >>> bool((np.diff(found.objective) < 0.0).all())
    True
    """

    end: float = 50.0
    points: int = 201
    rate: float = 1.0
    scale: float = 1.0
    rtol: float = 1e-8
    max_steps: int = 10_000

    papers: ClassVar[tuple[Paper, ...]] = (UNCONSTRAINED_FEATURES,)

    def __check_init__(self):
        check_flow(self)
        check_number("rate", self.rate, minimum=0.0, exclusive=True)
        check_number("scale", self.scale, minimum=0.0)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        model = problem.settle()
        d = model.means0.shape[1]
        W = self.scale / d**0.5 * jax.random.normal(needed_key(key, self), model.means0.shape)
        velocity = _JointVelocity(model, jnp.asarray(self.rate))
        end, rtol = jnp.asarray(self.end), jnp.asarray(self.rtol)
        (path, classifiers), result, evaluations = integrate(
            velocity, (model.start, W), end, rtol, self.points, self.max_steps
        )
        times = np.linspace(0.0, self.end, self.points)
        return Path(times, path, classifiers, result, {"evaluations": int(evaluations)})


class _JointVelocity(eqx.Module):
    model: CollapseModel
    rate: Float[Array, ""]

    def __call__(self, state: tuple[FilteredFeatures, Array]) -> tuple[FilteredFeatures, Array]:
        h, W = state
        model = self.model
        moment = W @ model.second_moment(h) - model.shares[:, None] * h.means
        return model.velocity(h, W), -self.rate * (W.shape[0] * moment + model.classifier_decay * W)
