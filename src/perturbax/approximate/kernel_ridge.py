"""Kernel ridge regression with a Gaussian kernel, the limit of random Fourier features of infinite width.

Saunders, Gammerman & Vovk 1998, *Ridge Regression Learning Algorithm in Dual Variables*. With the kernel of the
features `cos(a.x - b)`, `a ~ N(0, lam^2 I)`,

    k(x, x') = exp(-lam^2 |x - x'|^2 / 2) / 2,     f(x) = sum_j alpha_j k(x, x_j),     (K + N eta I) alpha = y
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Paper, check_number, float64
from . import _papers
from ._data import ScatteredData
from ._fit import AbstractFitMethod, Approximation, settled


class KernelExpansion(eqx.Module):
    """`sum_j alpha_j k(x, x_j)`."""

    centres: Float[np.ndarray, "N m"]
    alpha: Float[np.ndarray, "N k"]
    bandwidth: float

    def __call__(self, x: Any) -> Any:
        if isinstance(x, Tracer):
            centres, alpha = (jnp.asarray(part, x.dtype) for part in (self.centres, self.alpha))
            return gaussian_kernel(x, centres, self.bandwidth) @ alpha
        with float64():
            parts = (jnp.asarray(part, jnp.float64) for part in (x, self.centres, self.alpha, self.bandwidth))
            return np.asarray(_expand(*parts))


def gaussian_kernel(x: Array, centres: Array, bandwidth: Any) -> Array:
    """`exp(-lam^2 |x - x'|^2 / 2) / 2` for all pairs."""
    squares = jnp.sum(jnp.square(x[:, None] - centres), -1)
    return 0.5 * jnp.exp(-0.5 * jnp.square(bandwidth) * squares)


@jax.jit
def _expand(x: Array, centres: Array, alpha: Array, bandwidth: Array) -> Array:
    return gaussian_kernel(x, centres, bandwidth) @ alpha


@jax.jit
def _solve(x: Array, y: Array, bandwidth: Array, eta: Array) -> Array:
    K = gaussian_kernel(x, x, bandwidth) + len(x) * eta * jnp.eye(len(x))
    return jax.scipy.linalg.solve(K, y, assume_a="pos")


class KernelRidge(AbstractFitMethod):
    """Kernel ridge regression. Its cost is cubic in the number of data.

    **Arguments:** `bandwidth`: `lam`, the inverse width of the kernel in units of the box; `eta`: the penalty, by the
    convention of `Ridge`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `ValueError` for hyper-parameters that are not positive; `SolverError` when the penalty is below the
    rounding errors of the kernel.

    Source: Saunders, Gammerman & Vovk 1998.

    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> approximate.fit(approximate.ScatteredData(x, np.sin(9.0 * x)), approximate.KernelRidge(10.0)).error < 1e-3
    True
    """

    bandwidth: float | int = 30.0
    eta: float = 1e-12

    papers: ClassVar[tuple[Paper, ...]] = (_papers.KERNEL_RIDGE,)

    def __check_init__(self):
        check_number("bandwidth", self.bandwidth, minimum=0.0, exclusive=True)
        check_number("eta", self.eta, minimum=0.0, exclusive=True)

    def approximate(self, problem: ScatteredData, key: Any) -> Approximation:
        centres = problem.unit(problem.x)
        with float64():
            parts = (jnp.asarray(part, jnp.float64) for part in (centres, problem.y, self.bandwidth, self.eta))
            alpha = np.asarray(_solve(*parts))
        stats = {"evaluations": 1, "largest_coefficient": float(np.abs(alpha).max())}
        return settled(problem, KernelExpansion(centres, alpha, float(self.bandwidth)), stats=stats)
