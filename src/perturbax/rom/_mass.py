"""The mass matrix of a mesh: the inner product of fields that are linear, or multilinear, in each cell.

For shape functions `phi_i`, `W_ij = integral phi_i phi_j`; then `u W v'` is the integral of the product of two fields,
whatever the sizes of the cells.
"""

from typing import Any

import numpy as np
import scipy.sparse

from ..core import check_instance
from ..interop import Mesh

# Kinds of cells with their dimension.
_KINDS = {"line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3}


def mass_matrix(mesh: Mesh) -> scipy.sparse.csr_array:
    """The mass matrix of the points of a mesh, for `weight` of `pod` and `SnapshotSet`. Assembled by scikit-fem.

    Cells of a lower dimension than the largest one, such as the sides of a volume, are left out; coordinates that are
    the same everywhere too.

    **Arguments:** `mesh`: of lines, triangles, quadrilaterals, tetrahedra or hexahedra, also mixed.

    **Returns:** a symmetric matrix of shape `(n, n)`.

    **Raises:** `ModuleNotFoundError` without scikit-fem; `TypeError` for another object; `ValueError` for cells of
    another kind, a surface or line that is not flat, and points that belong to no cell, where the matrix would be
    singular.

    >>> from perturbax import interop
    >>> length = interop.Mesh([[0.0], [1.0], [4.0]], {"line": [[0, 1], [1, 2]]})
    >>> mass_matrix(length).toarray().round(2).tolist()
    [[0.33, 0.17, 0.0], [0.17, 1.33, 0.5], [0.0, 0.5, 1.0]]
    """
    check_instance("mesh", mesh, Mesh, "an interop.Mesh(...)")
    solid = {kind: index for kind, index in mesh.cells.items() if len(index) and kind != "vertex"}
    unknown = [kind for kind in solid if kind not in _KINDS]
    if unknown or not solid:
        raise ValueError(f"mesh must have cells of the kinds {', '.join(_KINDS)}, got {', '.join(unknown) or 'none'}")
    dimension = max(_KINDS[kind] for kind in solid)
    points = mesh.points[:, np.ptp(mesh.points, 0) > 0.0]
    if points.shape[1] != dimension:
        raise ValueError(f"mesh must fill its {points.shape[1]} dimensions, got cells of dimension {dimension}")
    blocks = {kind: index for kind, index in solid.items() if _KINDS[kind] == dimension}
    lonely = np.setdiff1d(np.arange(len(points)), np.concatenate([index.ravel() for index in blocks.values()]))
    if lonely.size:
        raise ValueError(f"mesh must have no points without a cell, got {lonely.size}, first {lonely[0]}")
    total = scipy.sparse.csr_array((len(points), len(points)))
    for kind, index in blocks.items():
        total = total + _block(points, kind, index)
    return total


def _block(points: np.ndarray, kind: str, index: np.ndarray) -> Any:
    try:
        import skfem
        from skfem.io.meshio import from_meshio
        from skfem.models.poisson import mass
    except ModuleNotFoundError:
        raise ModuleNotFoundError("mass matrices need scikit-fem: pip install 'perturbax[mesh]'") from None
    import meshio

    used, inverse = np.unique(index, return_inverse=True)
    # As meshio's mesh, so that scikit-fem turns the corners into its own order.
    own = from_meshio(meshio.Mesh(points[used], [(kind, inverse.reshape(index.shape))]))
    local = scipy.sparse.coo_array(mass.assemble(skfem.Basis(own, own.elem())))
    place = (used[local.coords[0]], used[local.coords[1]])
    return scipy.sparse.csr_array((local.data, place), shape=(len(points), len(points)))
