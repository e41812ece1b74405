r"""The whitened process for given kernels and precisions: a regularised linear least-squares problem.

With the Jacobians `A` of the equation and `C` of the conditions with respect to `zeta`, each step of Gauss and Newton
from `zeta` solves

    (I + e^v A^T A + lambda e^tau C^T C) delta = -(zeta + e^v A^T H + lambda e^tau C^T B),

which is exact after one step for an affine equation. In one dimension the matrix is formed and factorised. On larger
grids conjugate gradients need only products along the axes; they start from the last `zeta`, so that an outer
iteration pays for what has changed. They run in the basis of `(W_1 x ... x W_d) y = zeta` with the eigenvectors `W_j`
of `L_j^-1 K''_j L_j^-T`, where mainly the boundary couples the unknowns, with the diagonal as preconditioner.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Float

from ._gaussian_process import Process, Unknowns
from ._kronecker import along_axes, solve_lower
from ._problem import PDEProblem
from ._tensor_rows import Jacobian, Places, Rows, Tables, dense_jacobian, gram_diagonal, linearise, rows, values

# Up to this number of unknowns a factorisation is faster than conjugate gradients (measured on two cores).
DENSE = 1200


def solve_whitened(
    problem: PDEProblem,
    places: Places,
    made: Process,
    unknowns: Unknowns,
    zeta: Float[Array, "*grid"],
    weight: float,
    newton: int,
    iterations: int,
) -> Float[Array, "*grid"]:
    """The process after `newton` steps, each by at most `iterations` of conjugate gradients on a large grid."""
    solve = _dense if zeta.size <= DENSE else _by_gradients
    # Numbers of rows do not matter here: e^v and lambda e^tau are those of the objective.
    scales = jnp.exp(0.5 * unknowns.equation_precision), jnp.sqrt(weight) * jnp.exp(0.5 * unknowns.condition_precision)
    for _ in range(newton):
        found = values(problem, made.tables, made.coefficients(zeta))
        left, jacobian = rows(problem, places, found), linearise(problem, places, found)
        zeta = zeta + solve(problem, made, _scaled(left, scales), jacobian, scales, zeta, iterations)
    return zeta


def _scaled(left: Rows, scales: Any) -> Array:
    return jnp.concatenate([scales[0] * left.equation, scales[1] * left.conditions])


def _dense(
    problem: PDEProblem, made: Process, left: Array, jacobian: Jacobian, scales: Any, zeta: Array, iterations: int
) -> Array:
    transposed = _scaled(dense_jacobian(problem, made.tables, jacobian), scales).T
    transposed = solve_lower(made.lowers, transposed.reshape(*zeta.shape, -1)).reshape(zeta.size, -1)
    right = zeta.reshape(-1) + transposed @ left
    gram = transposed @ transposed.T + jnp.eye(zeta.size)
    return -cho_solve((jnp.linalg.cholesky(gram), True), right).reshape(zeta.shape)


def _by_gradients(
    problem: PDEProblem, made: Process, left: Array, jacobian: Jacobian, scales: Any, zeta: Array, iterations: int
) -> Array:
    bases = [_basis(lower, some) for lower, some in zip(made.lowers, made.tables.grid, strict=True)]
    rotations = [solve_triangular(lower, W, trans=1, lower=True) for lower, W in zip(made.lowers, bases, strict=True)]
    tables = Tables(
        tuple(tuple(K @ R for K in some) for some, R in zip(made.tables.grid, rotations, strict=True)),
        jax.tree.map(
            lambda one: tuple(tuple(K @ R for K in some) for some, R in zip(one, rotations, strict=True)),
            made.tables.sites,
            is_leaf=lambda one: isinstance(one[0][0], jax.Array),
        ),
    )

    def forward(y: Array) -> Array:
        return _scaled(jacobian(values(problem, tables, y)), scales)

    backward = jax.linear_transpose(forward, zeta)
    diagonal = 1.0 + gram_diagonal(problem, tables, jacobian, scales)
    y = along_axes([W.T for W in bases], zeta)
    right = -(y + backward(left)[0])
    # JAX's: `linalg.conjugate_gradients` has no preconditioner, and `linalg.solve` is not for a traced operator.
    found, _ = cg(lambda d: d + backward(forward(d))[0], right, tol=1e-8, maxiter=iterations, M=lambda r: r / diagonal)
    return along_axes(bases, found)


def _basis(lower: Array, grid: tuple[Array, ...]) -> Array:
    """Eigenvectors of the highest derivative in the whitened process, which nearly commutes with the others."""
    order = min(len(grid) - 1, 2)
    half = solve_triangular(lower, grid[order], lower=True)
    G = solve_triangular(lower, half.T, lower=True)
    return jnp.linalg.eigh(G if order == 2 else G @ G.T)[1]
