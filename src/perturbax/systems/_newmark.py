"""Vibrations and waves of an elastic body by Newmark's method, with forces and displacements that are given in time.

M a + C v + K u = f(t), and from a step to the next of length `h`, with the mean acceleration of the step,

    u' = u + h v + h^2 / 4 (a + a'),      v' = v + h / 2 (a + a')

so that `(M + h/2 C + h^2/4 K) a' = f' - C (v + h/2 a) - K (u + h v + h^2/4 a)`. Of components whose displacement is
given the first equation has `a'`. Newmark's parameters are `beta = 1/4`, `gamma = 1/2`: of second order, stable for any
step, and without damping of its own.
"""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ..core import check_array, check_instance, check_number
from ..linalg import factor_symmetric
from ._solid import Solid


def consistent_mass(body: Solid, density: Any = 1.0) -> scipy.sparse.csc_array:
    """The mass matrix of all components of the displacement, from the same shape functions as the stiffness.

    **Arguments:** `body`: the body; `density`: a positive number, or one for each quadrature point.

    **Returns:** a sparse matrix of shape `(n d, n d)`.

    **Raises:** `TypeError`, `ValueError` for another body or densities that are not positive.

    >>> from perturbax import systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, :1] == 0.0, 2, axis=1))
    >>> round(float(consistent_mass(body, 3.0).sum()), 12)
    6.0
    """
    check_instance("body", body, Solid, "a systems.Solid(...)")
    density = np.asarray(check_array("density", density), np.float64)
    if density.shape not in ((), (body.points,)) or density.min() <= 0.0:
        raise ValueError(f"density must be one number > 0 or {body.points} of them, got shape {density.shape}")
    weights = (body.weights * density).reshape(len(body.cells), -1)
    scalar = np.einsum("cq,qa,qb->cab", weights, body.shapes, body.shapes)
    blocks = np.einsum("cab,ij->caibj", scalar, np.eye(body.dimension))
    rows = body.cells.shape[1] * body.dimension
    every = np.arange(body.dimension * len(body.mesh.points))
    return eqx.tree_at(lambda body: body.free, body, every).pattern().matrix(blocks.reshape(-1, rows, rows))


def newmark(
    stiffness: Any,
    mass: Any,
    force: Any,
    dt: float,
    *,
    given: Any = None,
    motion: Any = None,
    damping: Any = None,
) -> Float[np.ndarray, "times N"]:
    """Displacements in time of a body that is at rest at first, by Newmark's method.

    Also known as the trapezoidal rule, or the method of constant average acceleration. One factorisation for all steps.

    **Arguments:**

    - `stiffness`, `mass`: symmetric sparse matrices of all `N` components; `damping`: another one, none when `None`.
    - `force`: at the times `0, dt, 2 dt, ...`, shape `(times, N)`.
    - `given`: indices of the components whose displacement is given, such as supports, or the boundary of a submodel;
      `motion`: their displacements, shape `(times, k)`, zero when `None`; 0 at the first time.
    - `dt`: length of a step.

    **Returns:** displacements at all times.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Newmark 1959, *A method of computation for structural dynamics*.

    >>> u = newmark([[1.0]], [[1.0]], np.ones((315, 1)), 0.02)  # 1 - cos t, up to t = 2 pi
    >>> round(float(u.max()), 3)
    2.0
    """
    stiffness, mass = (scipy.sparse.csr_array(matrix, dtype=np.float64) for matrix in (stiffness, mass))
    size = stiffness.shape[0]
    viscous = scipy.sparse.csr_array((size, size)) if damping is None else scipy.sparse.csr_array(damping)
    for name, matrix in (("stiffness", stiffness), ("mass", mass), ("damping", viscous)):
        if matrix.shape != (size, size):
            raise ValueError(f"{name} must have shape ({size}, {size}), got {matrix.shape}")
        if not np.isfinite(matrix.data).all():
            raise ValueError(f"{name} must be finite")
    force = np.asarray(check_array("force", force, shape=(None, size)), np.float64)
    h = check_number("dt", dt, minimum=0.0, exclusive=True)
    named = np.zeros(0, np.int64) if given is None else np.asarray(given)
    held = np.asarray(check_array("given", named, ndim=1, kind="integer", nonempty=False))
    if np.unique(held).size < held.size or (held.size and not 0 <= held.min() <= held.max() < size):
        raise ValueError(f"given must hold different numbers in [0, {size - 1}]")
    still = np.zeros((len(force), held.size))
    told = np.asarray(
        check_array("motion", still if motion is None else motion, shape=still.shape, nonempty=False), np.float64
    )
    if told[:1].any():
        raise ValueError("motion must be 0 at the first time, when the body is at rest")
    free = np.setdiff1d(np.arange(size), held)
    effective = (mass + 0.5 * h * viscous + 0.25 * h**2 * stiffness)[free]
    factor, across = factor_symmetric(effective[:, free]), effective[:, held]
    u, v, a = np.zeros((len(force), size)), np.zeros(size), np.zeros(size)
    a[free] = factor_symmetric(mass[free][:, free]).solve(force[0, free])
    for k in range(1, len(force)):
        u_start, v_start = u[k - 1] + h * v + 0.25 * h**2 * a, v + 0.5 * h * a
        a = np.zeros(size)
        a[held] = (told[k] - u_start[held]) * 4.0 / h**2
        right = (force[k] - viscous @ v_start - stiffness @ u_start)[free] - across @ a[held]
        a[free] = factor.solve(right)
        u[k], v = u_start + 0.25 * h**2 * a, v_start + 0.5 * h * a
    return u
