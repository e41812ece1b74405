r"""Bits by the largest eigenvalue of the Hessian.

Dong et al. 2019, *HAWQ*, arXiv 1905.03696, orders layers by `lambda_i / p_i` with the largest eigenvalue `lambda_i` of
the block of layer `i`, and leaves the widths to the user. To make it comparable, here

    Omega_i(b) = lambda_i / p_i |Q_b(W_i) - W_i|^2

takes the place of the trace in the linear program.
"""

from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_integer, check_number
from ._layer_curvature import block_eigenvalues
from ._papers import HAWQ_V1
from ._quantization import QuantizationProblem, need_targets
from ._quantize import AbstractSensitivity


class TopEigenvalueBits(AbstractSensitivity):
    """The widths of HAWQ, by the largest eigenvalues of the layers' Hessians, and the linear program of HAWQ-V3.

    **Arguments:** `tolerance`: relative residual of the eigenvectors; `max_restarts`: of Lanczos' method, of 16
    products with the Hessian each.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Dong et al. 2019, arXiv 1905.03696, for the sensitivity.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> x, y = jax.random.normal(jax.random.key(0), (64, 4)), jax.numpy.arange(64) % 3
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, x, y, budget=optimize.Budget(size=40), fixed={})
    >>> optimize.quantize(problem, optimize.TopEigenvalueBits(), key=jax.random.key(2)).size <= 40
    True
    """

    tolerance: float = 1e-2
    max_restarts: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V1,)

    def __check_init__(self):
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)
        check_integer("max_restarts", self.max_restarts, minimum=1)

    def perturbation(self, problem: QuantizationProblem, key: Any) -> tuple[np.ndarray, dict[str, Any]]:
        need_targets(problem)
        values, products = block_eigenvalues(problem, key, self.tolerance, self.max_restarts)
        parameters = np.array([layer.parameters for layer in problem.layers])
        omega = (np.maximum(values, 0.0) / parameters)[:, None] * problem.squared_errors()
        return omega, {"evaluations": products, "eigenvalues": values}
