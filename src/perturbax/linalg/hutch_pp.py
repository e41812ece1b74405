"""Hutch++: the large part of the spectrum exactly, the rest by Hutchinson's estimator.

With a third of the `m` probes as a sketch `S`, `Q = orth(A S)` and the rest of the probes `G`,

    tr A = tr(Q^T A Q) + E g.(I - Q Q^T) A (I - Q Q^T) g

whose error for positive semi-definite `A` is `O(tr A / m)` in the place of `O(tr A / sqrt(m))`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer
from ._operator import AbstractOperator
from ._papers import HUTCH_PP
from ._trace import AbstractTraceMethod, TraceEstimate


class HutchPP(AbstractTraceMethod):
    """Hutchinson's estimator on what a random sketch of the range leaves. Exact when the rank is at most a third of
    the probes; no better than `Hutchinson` when the spectrum is flat.

    **Arguments:** `probes`: number of applications of the operator, a multiple of three from 6 on.

    **Returns:** a frozen method for `linalg.trace`.

    **Raises:** `ValueError` for another number of probes.

    Source: Meyer, Musco, Musco & Woodruff 2021, arXiv 2010.09649.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> round(float(linalg.trace(np.ones((9, 9)), linalg.HutchPP(probes=6), key=jax.random.key(0)).value), 6)
    9.0
    """

    probes: int = 99

    papers: ClassVar[tuple[Paper, ...]] = (HUTCH_PP,)

    def __check_init__(self):
        check_integer("probes", self.probes, minimum=6)
        if self.probes % 3:
            raise ValueError(f"probes must be a multiple of three, got {self.probes}")

    def estimate(self, operator: AbstractOperator, key: Any) -> TraceEstimate:
        return _hutch_pp(operator, key, self.probes // 3)


@eqx.filter_jit
def _hutch_pp(operator: AbstractOperator, key: Any, count: int) -> TraceEstimate:
    def image(flat: Array) -> Array:
        return jax.lax.map(lambda v: operator(v.reshape(operator.shape)).reshape(-1), flat)

    signs = jax.random.rademacher(key, (2 * count, operator.size), jnp.result_type(float))
    S, G = signs[:count], signs[count:]
    # Rows are vectors.
    Q = jnp.linalg.qr(image(S).T)[0].T
    exact = jnp.sum(Q * image(Q))
    rest = G - (G @ Q.T) @ Q
    values = jnp.sum(rest * image(rest), 1)
    error = values.std(ddof=1) / count**0.5
    return TraceEstimate(exact + values.mean(), error, {"evaluations": 2 * count + Q.shape[0]})
