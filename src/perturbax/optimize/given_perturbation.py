r"""Sensitivities that are there already, for another budget.

Estimating `Omega` takes minutes for a large network and the linear program milliseconds: with `Omega` of one run, or
measured in any other way, the front of all budgets comes for nothing.
"""

from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_array
from ._papers import HAWQ_V3
from ._quantization import QuantizationProblem
from ._quantize import AbstractSensitivity


class GivenPerturbation(AbstractSensitivity):
    """The linear program of HAWQ-V3 on sensitivities from elsewhere.

    **Arguments:** `omega`: what the rounding of each layer does at each width of the problem, not negative, shape
    `(layers, widths)`, such as the first result of `Hawq().perturbation(problem, key)`.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for numbers that are negative or not finite, and in `quantize` for another shape.

    Source: the linear program of Yao et al. 2021, arXiv 2011.10680.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> budget = optimize.Budget(size=optimize.Share(0.6))
    >>> problem = optimize.QuantizationProblem(model, jax.numpy.ones((5, 4)), budget=budget, fixed={})
    >>> method = optimize.GivenPerturbation([[0.5, 0.1], [0.2, 0.1]])
    >>> list(optimize.quantize(problem, method, key=jax.random.key(0)).bits.values())
    [8, 4]
    """

    omega: np.ndarray

    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V3,)

    def __init__(self, omega: Any):
        self.omega = np.asarray(check_array("omega", omega, ndim=2), np.float64)
        if (self.omega < 0.0).any():
            raise ValueError(f"omega must not be negative, got {self.omega.min():g}")

    def perturbation(self, problem: QuantizationProblem, key: Any) -> tuple[np.ndarray, dict[str, Any]]:
        wanted = len(problem.layers), len(problem.bits)
        if self.omega.shape != wanted:
            raise ValueError(
                f"omega must have a row per layer and a column per width, {wanted}, got {self.omega.shape}"
            )
        return self.omega, {}
