"""Hutchinson's trace estimator.

For probes `z` of independent signs, `E z.A z = tr A`, with the variance `2 (|S|_F^2 - sum_i S_ii^2)` of a probe, where
`S` is the symmetric part of `A`. So `m` probes have a standard error of `O(|A|_F / sqrt(m))`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer
from ._operator import AbstractOperator
from ._papers import HUTCHINSON
from ._trace import AbstractTraceMethod, TraceEstimate


class Hutchinson(AbstractTraceMethod):
    """The mean of `z.A z` over probes of random signs.

    **Arguments:** `probes`: how many, each an application of the operator.

    **Returns:** a frozen method for `linalg.trace`.

    **Raises:** `ValueError` for less than 2 probes, whose scatter would be unknown.

    Source: Hutchinson 1990.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> found = linalg.trace(np.ones((2, 2)), linalg.Hutchinson(probes=1000), key=jax.random.key(0))
    >>> abs(float(found.value) - 2.0) < 4.0 * float(found.standard_error)
    True
    """

    probes: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (HUTCHINSON,)

    def __check_init__(self):
        check_integer("probes", self.probes, minimum=2)

    def estimate(self, operator: AbstractOperator, key: Any) -> TraceEstimate:
        return _hutchinson(operator, key, self.probes)


@eqx.filter_jit
def _hutchinson(operator: AbstractOperator, key: Any, probes: int) -> TraceEstimate:
    def probe(key: Any) -> Array:
        z = jax.random.rademacher(key, operator.shape, jnp.result_type(float))
        return jnp.sum(z * operator(z))

    values = jax.lax.map(probe, jax.random.split(key, probes))
    return TraceEstimate(values.mean(), values.std(ddof=1) / probes**0.5, {"evaluations": probes})
