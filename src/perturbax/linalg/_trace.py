"""`trace`: the trace of an operator from what it does to a few vectors. The verb and its solution."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, check_instance, check_key, float64, settle_arrays, to_host
from ._operator import AbstractOperator
from ._problem import as_operator


class TraceEstimate(eqx.Module):
    """What `trace` returns.

    - `value`: the estimate, unbiased; `standard_error`: of it, from the scatter of the probes.
    - `stats`: `"evaluations"` of the operator.
    """

    value: Float[Array | np.ndarray, ""]
    standard_error: Float[Array | np.ndarray, ""]
    stats: dict[str, Any]


class AbstractTraceMethod(Method):
    """A method of `linalg.trace`."""

    @abc.abstractmethod
    def estimate(self, operator: AbstractOperator, key: Any) -> TraceEstimate:
        """The estimate from random probes."""


def trace(operator: Any, method: AbstractTraceMethod, *, key: Any) -> TraceEstimate:
    """Estimate `tr A`, in float64.

    **Arguments:** `operator`: as for `LinearSystem`, also one that is not symmetric; `method`: `Hutchinson()` or
    `HutchPP()`; `key`: PRNG key of the probes.

    **Returns:** a `TraceEstimate`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> round(float(linalg.trace(np.diag([1.0, 2.0, 3.0]), linalg.Hutchinson(), key=jax.random.key(0)).value), 6)
    6.0
    """
    check_instance("method", method, AbstractTraceMethod, "a method such as HutchPP()")
    settled = as_operator(operator)
    key = check_key("key", key)
    with float64():
        estimate = method.estimate(settle_arrays(settled), key)
    return to_host(estimate)
