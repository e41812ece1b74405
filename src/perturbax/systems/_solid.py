"""A solid body cut into finite elements: what strains its displacements mean, and what forces its stresses make.

Tensors are vectors in Mandel's notation, `(xx, yy, zz, sqrt(2) xy)` in plane strain and
`(xx, yy, zz, sqrt(2) yz, sqrt(2) xz, sqrt(2) xy)` in space, so that their inner products are those of the vectors.
With shape functions `N_a` and the points and weights `w` of Gauss's quadrature,

    eps(u) = sum_a sym(u_a grad N_a),      f_a = sum_g w_g sigma_g grad N_a,      T(x_g) = sum_a N_a T_a
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int

from ..core import check_array, check_instance, check_integer, check_number
from ..interop import Mesh

# Kinds of cells with their dimension.
_KINDS = {"triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3}
# Exact for the products of two (multi)linear functions: 2 points a direction.
_ORDER = 2


class Solid(eqx.Module):
    """A body of `n` nodes in `d` dimensions, plane strain in two, with `G` quadrature points.

    **Arguments:**

    - `mesh`: of triangles, quadrilaterals, tetrahedra or hexahedra, one kind; sides and edges are left out.
    - `fixed`: booleans of shape `(n, d)`: the components of the displacement that are prescribed.

    **Raises:** `ModuleNotFoundError` without scikit-fem; `TypeError` for another mesh; `ValueError` for other cells,
    nodes without a cell, or when nothing is fixed or nothing free.

    >>> mesh = box((2, 2))
    >>> body = Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    >>> body.size, body.points, round(float(body.weights.sum()), 12)
    (12, 16, 1.0)
    """

    mesh: Mesh
    cells: Int[np.ndarray, "cells corners"]
    shapes: Float[np.ndarray, "quadrature corners"]
    gradients: Float[np.ndarray, "cells quadrature corners d"]
    weights: Float[np.ndarray, " G"]
    free: Int[np.ndarray, " size"]

    def __init__(self, mesh: Mesh, fixed: Any):
        check_instance("mesh", mesh, Mesh, "an interop.Mesh(...)")
        dimension = max((_KINDS.get(kind, 0) for kind in mesh.cells), default=0)
        kinds = [kind for kind in mesh.cells if _KINDS.get(kind) == dimension and len(mesh.cells[kind])]
        if dimension == 0 or len(kinds) != 1:
            raise ValueError(f"mesh must have cells of one kind of {', '.join(_KINDS)}, got {', '.join(mesh.cells)}")
        points = mesh.points[:, np.ptp(mesh.points, 0) > 0.0]
        if points.shape[1] != dimension:
            raise ValueError(f"mesh must fill its {points.shape[1]} dimensions, got cells of dimension {dimension}")
        lonely = np.setdiff1d(np.arange(len(points)), mesh.cells[kinds[0]])
        if lonely.size:
            raise ValueError(f"mesh must have no nodes without a cell, got {lonely.size}, first {lonely[0]}")
        fixed = np.asarray(check_array("fixed", fixed, shape=points.shape, kind="any"))
        if fixed.dtype != bool:
            raise TypeError(f"fixed must hold booleans, got dtype {fixed.dtype}")
        if fixed.all() or not fixed.any():
            raise ValueError("fixed must prescribe some components and leave others free")
        self.mesh = mesh
        self.free = np.flatnonzero(~fixed.ravel())
        self.cells, self.shapes, self.gradients, self.weights = _quadrature(points, kinds[0], mesh.cells[kinds[0]])

    @property
    def dimension(self) -> int:
        """Two or three."""
        return self.gradients.shape[-1]

    @property
    def components(self) -> int:
        """Of a tensor: 4 in plane strain, 6 in space."""
        return {2: 4, 3: 6}[self.dimension]

    @property
    def points(self) -> int:
        """Number of quadrature points."""
        return self.weights.size

    @property
    def size(self) -> int:
        """Number of free components of the displacement."""
        return self.free.size

    @property
    def coordinates(self) -> Float[np.ndarray, "G d"]:
        """Of the quadrature points."""
        corners = self.mesh.points[:, np.ptp(self.mesh.points, 0) > 0.0][self.cells]
        return np.einsum("qa,cad->cqd", self.shapes, corners).reshape(self.points, -1)

    def strain(self, u: Any) -> Any:
        """Strains `(..., G, components)` of flat nodal displacements `(..., n d)`, arrays of NumPy or JAX."""
        xp: Any = np if isinstance(u, np.ndarray) else jnp
        nodal = u.reshape(*u.shape[:-1], -1, self.dimension)[..., self.cells, :]
        gradient = xp.einsum("cqaj,...cai->...cqij", self.gradients, nodal)
        found = xp.einsum("mij,...cqij->...cqm", _mandel(self.dimension), gradient)
        return found.reshape(*u.shape[:-1], self.points, -1)

    def forces(self, stress: Any) -> Float[Array, " nodal"]:
        """Nodal forces that stresses of shape `(G, components)` hold, flat."""
        tensor = jnp.einsum("mij,gm->gij", _mandel(self.dimension), stress) * self.weights[:, None, None]
        tensor = tensor.reshape(*self.gradients.shape[:2], self.dimension, self.dimension)
        at_corners = jnp.einsum("cqij,cqaj->cai", tensor, self.gradients)
        nodes = self.mesh.points.shape[0]
        return jnp.zeros((nodes, self.dimension)).at[self.cells].add(at_corners).reshape(-1)

    def stiffness(self, tangent: Any) -> Float[Array, "cells rows rows"]:
        """Stiffness matrices of the cells from derivatives of shape `(G, components, components)`."""
        mandel = _mandel(self.dimension)
        weighted = tangent * self.weights[:, None, None]
        moduli = jnp.einsum("mij,gmn,nkl->gijkl", mandel, weighted, mandel)
        moduli = moduli.reshape(*self.gradients.shape[:2], *moduli.shape[1:])
        half = jnp.einsum("cqijkl,cqbl->cqijbk", moduli, self.gradients)
        blocks = jnp.einsum("cqaj,cqijbk->caibk", self.gradients, half)
        rows = self.cells.shape[1] * self.dimension
        return blocks.reshape(-1, rows, rows)

    def pattern(self) -> "Pattern":
        """Where the entries of the cells' matrices belong in the matrix of the free components."""
        place = self.dimension * self.cells[:, :, None] + np.arange(self.dimension)
        number = np.full(self.dimension * self.mesh.points.shape[0], -1)
        number[self.free] = np.arange(self.size)
        place = number[place.reshape(len(self.cells), -1)]
        rows, columns = np.broadcast_arrays(place[:, :, None], place[:, None, :])
        kept = (rows >= 0) & (columns >= 0)
        entries, slots = np.unique(columns[kept] * self.size + rows[kept], return_inverse=True)
        starts = np.searchsorted(entries, np.arange(self.size + 1) * self.size)
        return Pattern(kept, slots, entries % self.size, starts)

    def interpolate(self, nodal: Any, points: Any = None) -> Float[np.ndarray, "*batch _"]:
        """Nodal values of shape `(..., n)` at all quadrature points, or at those of an index array."""
        index = np.arange(self.points) if points is None else np.asarray(points)
        cell, point = np.divmod(index, len(self.shapes))
        return np.einsum("ga,...ga->...g", self.shapes[point], np.asarray(nodal)[..., self.cells[cell]])

    def body_force(self, density: Any) -> Float[np.ndarray, " nodal"]:
        """Nodal forces, flat, of a force per volume with values of shape `(G, d)` at the quadrature points."""
        density = np.asarray(check_array("density", density, shape=(self.points, self.dimension)), np.float64)
        weighted = (self.weights[:, None] * density).reshape(*self.gradients.shape[:2], -1)
        total = np.zeros((self.mesh.points.shape[0], self.dimension))
        np.add.at(total, self.cells, np.einsum("qa,cqi->cai", self.shapes, weighted))
        return total.ravel()

    def lift(self, free: Any) -> Float[np.ndarray, "*batch nodal"]:
        """Free components of shape `(..., size)` among all, zeros elsewhere."""
        free = np.asarray(free)
        whole = np.zeros((*free.shape[:-1], self.dimension * self.mesh.points.shape[0]))
        whole[..., self.free] = free
        return whole


class Pattern(eqx.Module):
    """The places of a sparse matrix, found once for all matrices of a body: see `Solid.pattern`."""

    kept: np.ndarray
    slots: np.ndarray
    rows: np.ndarray
    starts: np.ndarray

    def matrix(self, blocks: Any) -> scipy.sparse.csc_array:
        """The sum of the matrices of the cells, shape `(size, size)`."""
        entries = np.bincount(self.slots, np.asarray(blocks)[self.kept], self.rows.size)
        size = self.starts.size - 1
        return scipy.sparse.csc_array((entries, self.rows, self.starts), shape=(size, size))


def box(cells: tuple[int, ...], sides: tuple[float, ...] | None = None, keep: Any = None) -> Mesh:
    """A rectangle of equal quadrilaterals, or a box of hexahedra.

    **Arguments:** `cells`: their number in each direction, two or three; `sides`: lengths, 1 by default; `keep`: a
    function of the midpoints of the cells, of shape `(cells, d)`, that says which ones there are; for holes.

    **Returns:** an `interop.Mesh`.

    **Raises:** `ValueError` or `TypeError` for numbers that do not fit.

    >>> box((3, 2), (3.0, 1.0)).points.max(0).tolist()
    [3.0, 1.0]
    """
    if len(cells) not in (2, 3):
        raise ValueError(f"cells must be two or three numbers, got {cells}")
    cells = tuple(check_integer("cells", count, minimum=1) for count in cells)
    sides = (1.0,) * len(cells) if sides is None else sides
    if len(sides) != len(cells):
        raise ValueError(f"sides must be {len(cells)} lengths, got {sides}")
    sides = tuple(check_number("sides", side, minimum=0.0, exclusive=True) for side in sides)
    axes = [np.linspace(0.0, side, count + 1) for side, count in zip(sides, cells, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(cells))
    number = np.arange(len(points)).reshape([count + 1 for count in cells])
    # Corners in the order of VTK: around the lower face, then around the upper one.
    around = [(0, 0), (1, 0), (1, 1), (0, 1)]
    corners = around if len(cells) == 2 else [(*c, z) for z in (0, 1) for c in around]
    picked = [number[tuple(slice(o, o + c) for o, c in zip(corner, cells, strict=True))].ravel() for corner in corners]
    index = np.stack(picked, 1)
    if keep is not None:
        index = index[np.asarray(keep(points[index].mean(1)), bool)]
        used, index = np.unique(index, return_inverse=True)
        points, index = points[used], index.reshape(-1, len(corners))
    return Mesh(points, {"quad" if len(cells) == 2 else "hexahedron": index})


def _mandel(dimension: int) -> Float[np.ndarray, "components d d"]:
    """The unit tensors of Mandel's notation, without the rows and columns that plane strain has not."""
    units = np.zeros((6, 3, 3))
    units[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = 1.0
    for m, (i, j) in zip((3, 4, 5), ((1, 2), (0, 2), (0, 1)), strict=True):
        units[m, i, j] = units[m, j, i] = np.sqrt(0.5)
    return units if dimension == 3 else units[[0, 1, 2, 5], :2, :2]


def _quadrature(points: np.ndarray, kind: str, index: np.ndarray) -> tuple[np.ndarray, ...]:
    """Corners in the order of scikit-fem, shape functions, gradients and weights."""
    try:
        import skfem
        from skfem.io.meshio import from_meshio
    except ModuleNotFoundError:
        raise ModuleNotFoundError("finite elements need scikit-fem: pip install 'perturbax[mesh]'") from None
    import meshio

    own: Any = from_meshio(meshio.Mesh(points, [(kind, index)]))
    basis: Any = skfem.Basis(own, own.elem(), intorder=_ORDER)
    # On the reference cell, the same for all of them, and derivatives in space.
    shapes = np.stack([np.broadcast_to(np.asarray(each), basis.dx.shape)[0] for (each,) in basis.basis], -1)
    gradients = np.stack([np.broadcast_to(each.grad, (points.shape[1], *basis.dx.shape)) for (each,) in basis.basis])
    if basis.dx.min() <= 0.0:
        raise ValueError(f"mesh must have cells of positive volume, cell {int(basis.dx.min(1).argmin())} has not")
    cells = basis.element_dofs.T.astype(np.int64)
    return cells, shapes, np.ascontiguousarray(gradients.transpose(2, 3, 0, 1)), basis.dx.ravel()
