"""Stochastic Lanczos quadrature: the density of the spectrum, and traces of functions of an operator.

For a probe `z` of random signs, Lanczos' Ritz values `theta_j` and squared first components `tau_j^2` are the Gauss
rule of its spectral measure, `z.f(A) z = n sum_j tau_j^2 f(theta_j)`, exact for polynomials of degree `2 m - 1`. So
over `k` probes

    tr f(A) = (n / k) sum_i sum_j tau_ij^2 f(theta_ij)
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer
from ._lanczos import tridiagonalize
from ._operator import AbstractOperator
from ._papers import LANCZOS_QUADRATURE
from ._spectrum import AbstractSymmetricSpectrumMethod, Spectrum


class StochasticLanczosQuadrature(AbstractSymmetricSpectrumMethod):
    """Nodes and weights for `tr f(A)`, also known as SLQ: log-determinants, Schatten norms, eigenvalue counts.

    **Arguments:** `steps`: nodes of each probe, at most the size of a vector; `probes`: how many.

    **Returns:** a frozen method for `linalg.spectrum_of`; its `Spectrum` has `weights`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Ubaru, Chen & Saad 2017.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> A = np.diag([1.0, 2.0, 4.0])
    >>> found = linalg.spectrum_of(A, linalg.StochasticLanczosQuadrature(steps=3), key=jax.random.key(0))
    >>> bool(abs(found.integrate(jnp.log) - np.log(8.0)) < 1e-6)
    True
    """

    steps: int = 30
    probes: int = 20

    papers: ClassVar[tuple[Paper, ...]] = (LANCZOS_QUADRATURE,)

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_integer("probes", self.probes, minimum=1)

    def find(self, operator: AbstractOperator, key: Any) -> Spectrum:
        check_integer("steps", self.steps, maximum=operator.size)
        values, weights = _quadrature(operator, key, self.steps, self.probes)
        return Spectrum(values, None, None, None, weights, {"evaluations": self.steps * self.probes})


@eqx.filter_jit
def _quadrature(operator: AbstractOperator, key: Any, steps: int, probes: int) -> tuple[Array, Array]:
    def one(key: Any) -> tuple[Array, Array]:
        z = jax.random.rademacher(key, operator.shape, jnp.result_type(float))
        values, vectors = jnp.linalg.eigh(tridiagonalize(operator, z, steps).matrix())
        return values, vectors[0] ** 2

    values, weights = jax.lax.map(one, jax.random.split(key, probes))
    order = jnp.argsort(values.reshape(-1))
    return values.reshape(-1)[order], weights.reshape(-1)[order] * operator.size / probes
