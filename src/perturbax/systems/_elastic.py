"""A linear elastic body, and the moduli of plane stress.

find u:   int (C : eps(u)) : eps(v) = F . v    for all v that vanish where u is given

In plane stress the stress across the plane vanishes: with Young's modulus `E` and Poisson's ratio `nu`, in Mandel's
notation `(xx, yy, zz, sqrt(2) xy)`,

    C = E / (1 - nu^2) [[1, nu, 0, 0], [nu, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1 - nu]]
"""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ..core import check_array, check_instance, check_number, float64
from ..linalg import factor_symmetric
from ._solid import Solid


def plane_stress(young: Any, poisson: float) -> Float[np.ndarray, "G 4 4"]:
    """Elastic moduli of plane stress at quadrature points, in Mandel's notation.

    **Arguments:** `young`: shape `(G,)`, positive; `poisson`: in `(-1, 0.5]`.

    **Returns:** shape `(G, 4, 4)`.

    **Raises:** `TypeError`, `ValueError` for values out of range.

    >>> plane_stress([1.0], 0.0)[0].diagonal().tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    young = np.asarray(check_array("young", young, ndim=1), np.float64)
    if young.min() <= 0.0:
        raise ValueError(f"young must be > 0, got {young.min():g}")
    nu = check_number("poisson", poisson, minimum=-1.0, maximum=0.5)
    if nu == -1.0:
        raise ValueError("poisson must be > -1, got -1")
    unit = np.array([[1.0, nu, 0.0, 0.0], [nu, 1.0, 0.0, 0.0], [0.0] * 4, [0.0, 0.0, 0.0, 1.0 - nu]]) / (1.0 - nu**2)
    return young[:, None, None] * unit


class Elastic(eqx.Module):
    """A linear elastic body. Everything is float64 on the host.

    **Arguments:**

    - `body`: mesh and supports, with `G` quadrature points.
    - `moduli`: from strain to stress in Mandel's notation, shape `(G, c, c)`, symmetric; see `plane_stress`.

    **Raises:** `TypeError`, `ValueError` for another body or shape, values that are not finite, or moduli that are not
    symmetric.

    >>> from perturbax import systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, :1] == 0.0, 2, axis=1))
    >>> Elastic(body, plane_stress(np.ones(body.points), 0.3)).stiffness().shape
    (18, 18)
    """

    body: Solid
    moduli: Float[np.ndarray, "G c c"]

    def __init__(self, body: Solid, moduli: Any):
        self.body = check_instance("body", body, Solid, "a systems.Solid(...)")
        shape = (body.points, body.components, body.components)
        self.moduli = np.asarray(check_array("moduli", moduli, shape=shape), np.float64)
        if not np.allclose(self.moduli, self.moduli.transpose(0, 2, 1), rtol=1e-10, atol=0.0):
            raise ValueError("moduli must be symmetric")

    def stiffness(self) -> scipy.sparse.csc_array:
        """The stiffness matrix of all components of the displacement, whether they are fixed or not."""
        every = np.arange(self.body.dimension * len(self.body.mesh.points))
        return eqx.tree_at(lambda body: body.free, self.body, every).pattern().matrix(self.blocks())

    def blocks(self) -> Float[np.ndarray, "cells rows rows"]:
        """The stiffness matrices of the cells."""
        with float64():
            return np.asarray(_blocks(self.body, self.moduli))

    def displacement(self, force: Any) -> Float[np.ndarray, "*batch nodal"]:
        """The displacement under nodal forces `(..., n d)`, zero in the supports: one factorisation for all of them.

        **Raises:** `ValueError` for another shape or forces that are not finite.
        """
        every = self.body.dimension * len(self.body.mesh.points)
        force = np.asarray(check_array("force", force), np.float64)
        if force.shape[-1] != every:
            raise ValueError(f"force must have {every} components, got shape {force.shape}")
        rows = force.reshape(-1, every)[:, self.body.free]
        found = factor_symmetric(self.body.pattern().matrix(self.blocks())).solve(rows.T).T
        return self.body.lift(found).reshape(force.shape)

    def von_mises(self, u: Any) -> Float[np.ndarray, "*batch G"]:
        """Von Mises's stress `sqrt(3/2 s : s)` at the quadrature points of flat displacements `(..., n d)`."""
        strain = self.body.strain(np.asarray(u, np.float64))
        stress = np.einsum("gij,...gj->...gi", self.moduli, strain)
        mean = stress[..., :3].sum(-1, keepdims=True) / 3.0
        return np.sqrt(1.5 * np.square(stress - mean * (np.arange(stress.shape[-1]) < 3)).sum(-1))


@eqx.filter_jit
def _blocks(body: Solid, moduli: Any) -> Any:
    return body.stiffness(moduli)
