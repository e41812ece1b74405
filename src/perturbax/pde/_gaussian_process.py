r"""The Gaussian process on a tensor grid that `GPHM` and `JointGPHM` share: kernels, log density and field.

With `K_j = k_j(x^j, x^j) + jitter I = L_j L_j^T` for the points `x^j` along axis `j`, the process at the grid is
`U = (L_1 x ... x L_d) zeta`. Between the points the field is the conditional mean, a sum of kernels with coefficients
`W = (L_1 x ... x L_d)^-T zeta`, whose derivatives are those of the kernels. With the residuals `H` of the equation at
the grid and `B` of the conditions,

    L = log p(U) + lambda [N_b tau / 2 - e^tau |B|^2 / 2] + [N v / 2 - e^v |H|^2 / 2]
    log p(U) = -1/2 sum_j (N / N_j) log|K_j| - 1/2 |zeta|^2

is what is made large over the logarithms of weights and scales, the frequencies, and the log precisions `tau`, `v`. A
weight by its logarithm is the same as Jeffreys' prior `1 / w`: the weights of frequencies that are not needed vanish.

`B` and `H` are those of the conditional mean, without the jitter, at the points of the grid too: it is what is
predicted.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._jet import AbstractClosedForm, Index
from ._kronecker import along_axes, at_points, log_density, solve_upper, toeplitz
from ._problem import PDEProblem
from ._spectral_kernels import AbstractSpectralKernel, Mixture, kernel_derivatives
from ._tensor_rows import Places, Rows, Tables, highest_order, rows, site_tables, values


class Unknowns(eqx.Module):
    """What is trained besides the field: a mixture for each axis, `tau` and `v`."""

    mixtures: tuple[Mixture, ...]
    condition_precision: Float[Array, ""]
    equation_precision: Float[Array, ""]


class Process(eqx.Module):
    """The matrices for some unknowns: `L_j`, and the derivatives of the kernels at all points."""

    lowers: tuple[Float[Array, "_ _"], ...]
    tables: Tables

    def coefficients(self, zeta: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
        """`W` of the whitened process."""
        return solve_upper(self.lowers, zeta)


def process(
    problem: PDEProblem,
    places: Places,
    kernel: AbstractSpectralKernel,
    mixtures: tuple[Mixture, ...],
    jitter: Float[Array, ""],
) -> Process:
    """The matrices of a process. On a uniform grid a kernel is evaluated at its `N_j` lags only."""
    order = highest_order(problem)
    grid, lowers = [], []
    for axis, mixture in zip(places.axes, mixtures, strict=True):
        lags = kernel_derivatives(kernel, mixture, axis - axis[0], order)
        grid.append(tuple(toeplitz(some, (-1.0) ** n) for n, some in enumerate(lags)))
        lowers.append(jnp.linalg.cholesky(grid[-1][0] + jitter * jnp.eye(len(axis))))

    def matrices(axis: int, x: Array) -> tuple[Array, ...]:
        distances = x[:, None] - places.axes[axis]
        return tuple(kernel_derivatives(kernel, mixtures[axis], distances, order))

    return Process(tuple(lowers), Tables(tuple(grid), site_tables(places, matrices)))


def objective(
    problem: PDEProblem, places: Places, made: Process, unknowns: Unknowns, zeta: Float[Array, "*grid"], weight: float
) -> tuple[Float[Array, ""], Rows]:
    """`L` with `lambda = weight`, and the residuals."""
    left = rows(problem, places, values(problem, made.tables, made.coefficients(zeta)))
    tau, v = unknowns.condition_precision, unknowns.equation_precision
    fit = weight * _normal(tau, left.conditions) + _normal(v, left.equation)
    return log_density(made.lowers, zeta) + fit, left


class GaussianProcessField(AbstractClosedForm):
    """The conditional mean of a Gaussian process: a sum of products of kernels with centres on a grid.

    - `kernel`, `mixtures`: of each axis; `axes`: the points of the grid; `coefficients`: of the kernels at them.
    """

    kernel: AbstractSpectralKernel
    mixtures: tuple[Mixture, ...]
    axes: tuple[Float[Array, " _"], ...]
    coefficients: Float[Array, "*grid"]

    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, " 1"]:
        return self.derivatives(x, ((),))[()]

    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        highest = max((index.count(axis) for index in indices for axis in index), default=0)
        check_order(self.kernel, highest)
        every = [self._kernels(axis, x[axis : axis + 1], highest) for axis in range(len(self.axes))]
        return {
            index: at_points([some[index.count(axis)] for axis, some in enumerate(every)], self.coefficients)
            for index in indices
        }

    def on_grid(self, axes: tuple[Float[Array, " _"], ...]) -> Float[Array, "*rows"]:
        """The values at the points of another grid, by matrices along the axes."""
        return along_axes([self._kernels(axis, x, 0)[0] for axis, x in enumerate(axes)], self.coefficients)

    def _kernels(self, axis: int, x: Array, order: int) -> list[Array]:
        return kernel_derivatives(self.kernel, self.mixtures[axis], x[:, None] - self.axes[axis], order)


def check_order(kernel: AbstractSpectralKernel, order: int) -> None:
    """Refuse derivatives that a kernel does not have."""
    if kernel.order is not None and order > kernel.order:
        name = type(kernel).__name__
        raise ValueError(
            f"kernel must have derivatives of order {order}, {name} has {kernel.order} and SpectralMixture all"
        )


def _normal(precision: Array, residuals: Array) -> Array:
    return 0.5 * residuals.size * precision - 0.5 * jnp.exp(precision) * jnp.sum(jnp.square(residuals))


def start(kernel: AbstractSpectralKernel, dimension: int, key: Any) -> Unknowns:
    """The first unknowns."""
    mixtures = tuple(kernel.start(one) for one in jax.random.split(key, dimension))
    return Unknowns(mixtures, jnp.zeros(()), jnp.zeros(()))
