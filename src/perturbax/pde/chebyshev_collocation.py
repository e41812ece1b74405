r"""Collocation with polynomials of Chebyshev: the classical spectral method on a box.

    u(x) = sum_n c_n T_n1(x_1) ... T_nd(x_d),    x on [-1, 1]^d,

with the equation at the zeros of Chebyshev's polynomials, fewer along each axis than there are coefficients by the
order of the equation there, and the conditions on each face at zeros too. What makes the residuals small is found by
Newton's method, each step a least-squares problem by an orthogonal factorisation of the Jacobian with columns of
norm 1. In one dimension it is square.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number, iterate
from ._design import AbstractDesign
from ._jet import AbstractClosedForm, Index
from ._kronecker import at_points
from ._papers import SPECTRAL_METHODS
from ._problem import PDEProblem
from ._solve import AbstractPDEMethod, PDESolution
from ._tensor_rows import (
    Places,
    Tables,
    check_grid,
    dense_jacobian,
    highest_order,
    linearise,
    place,
    rows,
    settle_grid,
    site_tables,
    values,
)

# Coefficients for which the dense Jacobian has room: with its factors about 2 GiB.
_LARGEST = 9000


class ChebyshevField(AbstractClosedForm):
    """A polynomial on a box.

    - `lower`, `upper`: the corners of the box; `coefficients`: of the products of Chebyshev's polynomials.
    """

    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    coefficients: Float[Array, "*grid"]

    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, " 1"]:
        return self.derivatives(x, ((),))[()]

    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        highest = max((index.count(axis) for index in indices for axis in index), default=0)
        every = [
            _polynomials(x[j : j + 1], self.lower[j], self.upper[j], count, highest)
            for j, count in enumerate(self.coefficients.shape)
        ]
        return {
            index: at_points([some[index.count(j)] for j, some in enumerate(every)], self.coefficients)
            for index in indices
        }


class ChebyshevCollocation(AbstractPDEMethod):
    """Polynomials of high degree: the reference for smooth problems with one field on a box in one or two dimensions.

    There it is faster and more accurate than every other method of `solve`, also for high frequencies as soon as it has
    about `pi` points for each wave. It needs a smooth solution, and a dense matrix of all coefficients.

    **Arguments:**

    - `grid`: coefficients along each axis, one number for all axes or one for each.
    - `newton`: the largest number of steps; a linear equation needs two, of which the second removes rounding errors.
    - `tolerance`: the change of the coefficients, relative to the largest, at which it ends.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, another domain than a `Box`, several fields, unknown
    coefficients, a lift, too few conditions, or more coefficients than have room; `SolverError` when Newton's method
    does not settle.

    Source: Trefethen 2000.

    >>> import jax
    >>> from perturbax import pde
    >>> problem = pde.catalogue.poisson(1, frequency=4.0)
    >>> solution = pde.solve(problem, pde.ChebyshevCollocation(40), key=jax.random.key(0))
    >>> pde.solution_error(solution, 100).relative_l2 < 1e-10
    True
    """

    grid: int | tuple[int, ...] = 32
    newton: int = 20
    tolerance: float = 1e-10

    papers: ClassVar[tuple[Paper, ...]] = (SPECTRAL_METHODS,)

    def __check_init__(self):
        check_grid(self.grid)
        check_integer("newton", self.newton, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        shape = settle_grid(self.grid, problem, type(self).__name__)
        if np.prod(shape) > _LARGEST:
            raise ValueError(f"grid must have at most {_LARGEST} coefficients in all, got {shape}")
        lower, upper = np.asarray(problem.domain.lower), np.asarray(problem.domain.upper)
        orders = [max((i.count(axis) for i in problem.indices), default=0) for axis in range(len(shape))]
        if any(count - order < 1 for count, order in zip(shape, orders, strict=True)):
            raise ValueError(f"grid must have more coefficients along each axis than orders {orders}, got {shape}")
        axes = tuple(
            jnp.asarray(a + (b - a) * _zeros(count - order))
            for a, b, count, order in zip(lower, upper, shape, orders, strict=True)
        )
        places = place(problem, axes, shape, key, Zeros())
        found = _newton(problem, places, shape, self.newton, self.tolerance)
        steps = int(found.steps)
        return PDESolution(
            problem,
            ChebyshevField(problem.domain.lower, problem.domain.upper, found.state),
            {},
            {},
            None,
            None,
            found.result,
            {"steps": steps, "evaluations": 1 + steps, "parameters": int(np.prod(shape))},
        )


class Zeros(AbstractDesign):
    """The zeros of Chebyshev's polynomial of degree `n`, of which `n` to the power of the dimension are a tensor grid.

    >>> import jax
    >>> [round(float(x), 3) for x in Zeros()(jax.random.key(0), 2, 1)[:, 0]]
    [0.146, 0.854]
    """

    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        side = round(n ** (1.0 / dimension))
        grid = np.meshgrid(*[_zeros(side)] * dimension, indexing="ij")
        return jnp.asarray(np.stack(grid, -1).reshape(-1, dimension)[:n], jnp.result_type(float))


@eqx.filter_jit
def _newton(problem: PDEProblem, places: Places, shape: tuple[int, ...], steps: int, tolerance: float) -> Any:
    order = highest_order(problem)
    box: Any = problem.domain

    def matrices(axis: int, x: Array) -> tuple[Array, ...]:
        return tuple(_polynomials(x, box.lower[axis], box.upper[axis], shape[axis], order))

    tables = Tables(tuple(matrices(j, x) for j, x in enumerate(places.axes)), site_tables(places, matrices))

    def step(coefficients: Array) -> Array:
        at = values(problem, tables, coefficients)
        left, change = rows(problem, places, at), dense_jacobian(problem, tables, linearise(problem, places, at))
        J = jnp.concatenate([change.equation, change.conditions])
        if J.shape[0] < J.shape[1]:
            raise ValueError(f"conditions must be enough to determine {J.shape[1]} coefficients, got {J.shape[0]} rows")
        # Derivatives of polynomials grow with powers of their degree: scaled, the columns are alike.
        norms = jnp.linalg.norm(J, axis=0)
        norms = jnp.where(norms > 0.0, norms, 1.0)
        Q, R = jnp.linalg.qr(J / norms)
        delta = solve_triangular(R, Q.T @ jnp.concatenate([left.equation, left.conditions]), lower=False)
        return coefficients - (delta / norms).reshape(shape)

    def done(before: Array, now: Array) -> Array:
        return jnp.max(jnp.abs(now - before)) <= tolerance * jnp.maximum(jnp.max(jnp.abs(now)), 1.0)

    return iterate(step, jnp.zeros(shape), done=done, max_steps=steps, throw=False)


def _polynomials(x: Array, lower: Any, upper: Any, count: int, order: int) -> list[Array]:
    """The derivatives of Chebyshev's polynomials on an interval up to an order, `(points, count)` each."""
    rate = 2.0 / (upper - lower)
    unit = jnp.clip((x - lower) * rate - 1.0, -1.0, 1.0)
    found = jnp.cos(jnp.arange(count) * jnp.arccos(unit)[:, None])
    derivative = np.zeros((count, count))
    derivative[:-1] = np.polynomial.chebyshev.chebder(np.eye(count))
    every = [found]
    for n in range(1, order + 1):
        power = np.linalg.matrix_power(derivative, n).astype(found.dtype)
        every.append(rate**n * (found @ power))
    return every


def _zeros(count: int) -> np.ndarray:
    """The zeros of Chebyshev's polynomial on [0, 1]."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)
