r"""HAWQ-V3: bits by the trace of the Hessian, inference by dyadic numbers.

Yao et al. 2021, arXiv 2011.10680, with the sensitivity of HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852). Rounding the
weights of layer `i` to `b` bits perturbs the loss by about

    Omega_i(b) = tr(H_i) / p_i |Q_b(W_i) - W_i|^2

with `p_i` weights and their block `H_i` of the Hessian, and the widths that a budget allows come from the integer
linear program `min sum_i Omega_i(b_i)`. Between input and output there are integers only: a scale is changed by

    q = clip((z m + 2^(e-1)) >> e),     m / 2^e ~ S_w S_a / S_o

and both branches of a residual addition are brought to the scale of their sum before they are added.
"""

import warnings
from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_integer, check_number
from ._layer_curvature import block_traces
from ._papers import HAWQ_V2, HAWQ_V3
from ._quantization import QuantizationProblem, need_targets
from ._quantize import AbstractSensitivity


class Hawq(AbstractSensitivity):
    """The widths of HAWQ-V3: the mean trace of the Hessian times the squared rounding error, by linear programming.

    A trace that comes out negative, as it can where the model has not converged, counts as zero, with a warning.

    **Arguments:** `trace_probes`: products with the Hessian at most; `tolerance`: relative standard error of all traces
    at which fewer will do.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Yao et al. 2021, arXiv 2011.10680; the sensitivity is that of Dong et al. 2020, arXiv 1911.03852.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> x, y = jax.random.normal(jax.random.key(0), (64, 4)), jax.numpy.arange(64) % 3
    >>> model = nn.MLP(4, (8, 8), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, x, y, budget=optimize.Budget(size=optimize.Share(0.5)), fixed={})
    >>> quantized = optimize.quantize(problem, optimize.Hawq(trace_probes=16), key=jax.random.key(2))
    >>> sorted(set(quantized.bits.values()))
    [4, 8]
    """

    trace_probes: int = 64
    tolerance: float = 0.05

    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V3, HAWQ_V2)

    def __check_init__(self):
        check_integer("trace_probes", self.trace_probes, minimum=2)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def perturbation(self, problem: QuantizationProblem, key: Any) -> tuple[np.ndarray, dict[str, Any]]:
        need_targets(problem)
        traces, errors, products = block_traces(problem, key, self.trace_probes, self.tolerance)
        for layer, trace, error in zip(problem.layers, traces, errors, strict=True):
            if trace < 0.0:
                warnings.warn(
                    f"the Hessian of layer {layer.name} has the trace {trace:.3g} ± {error:.1g}, which counts as 0: "
                    "the model has not converged, or trace_probes are too few",
                    stacklevel=4,
                )
        parameters = np.array([layer.parameters for layer in problem.layers])
        omega = (np.maximum(traces, 0.0) / parameters)[:, None] * problem.squared_errors()
        return omega, {"evaluations": products, "traces": traces, "trace_errors": errors}
