"""A solution on a grid, as a mesh that ParaView and others read."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import cast, check_instance, check_integer, check_number, float64, precision, settle_arrays
from ..interop import Mesh
from ._domain import Box
from ._solve import PDESolution

_KINDS = {1: "line", 2: "quad", 3: "hexahedron"}
# The corners of a cell in the order of VTK.
_CORNERS = {
    1: [[0], [1]],
    2: [[0, 0], [1, 0], [1, 1], [0, 1]],
    3: [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
}


def as_mesh(solution: PDESolution, nodes: int = 64, *, time: Any = None) -> Mesh:
    """A solution at the nodes of a grid, with cells between them; `interop.write_mesh` writes it as VTU.

    **Arguments:**

    - `solution`: of `pde.solve`, with at most three axes.
    - `nodes`: along each axis of the box around the domain.
    - `time`: the grid is in space at this time, so that a film is a file for each time; without it, time is an axis of
      the mesh like others.

    **Returns:** an `interop.Mesh` with the point fields `"u"` (a vector for several components), `"residual"`, and
    `"exact"` where that is known. Of a domain that is no box, the cells whose corners all lie in it.

    **Raises:** `TypeError`, `ValueError` for another object, more than three axes, a `time` without a `time_axis` or
    outside of the domain, and too few nodes to have a cell in the domain.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.RandomFeatures(width=40, points=pde.FixedPoints(100, 2))
    >>> solution = pde.solve(pde.catalogue.poisson(1), method, key=jax.random.key(0))
    >>> mesh = as_mesh(solution, 5)
    >>> mesh.cells["line"].tolist(), mesh.point_fields["u"][1:-1].round(2).tolist()
    ([[0, 1], [1, 2], [2, 3], [3, 4]], [0.71, 1.0, 0.71])
    """
    check_instance("solution", solution, PDESolution, "what pde.solve returned")
    check_integer("nodes", nodes, minimum=2)
    problem, domain = solution.problem, solution.problem.domain
    lower, upper = (np.asarray(corner, np.float64) for corner in (domain.lower, domain.upper))
    axis = None if time is None else domain.time_axis
    kept = np.arange(problem.dimension) != axis
    if axis is not None:
        time = check_number("time", time, minimum=float(lower[axis]), maximum=float(upper[axis]))
    elif time is not None:
        raise ValueError("time must be None for a problem without a time_axis")
    d = int(kept.sum())
    if d not in _KINDS:
        raise ValueError(f"solution must have at most three axes for a mesh, got {d}; time=... leaves out that of time")
    axes = [np.linspace(a, b, nodes) for a, b in zip(lower[kept], upper[kept], strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d)
    x = points if axis is None or time is None else np.insert(points, axis, time, axis=1)
    cells = _cells(nodes, d)
    if not isinstance(domain, Box):
        with float64():
            inside = np.asarray(domain.contains(x))
        cells = cells[inside[cells].all(1)]
        if not len(cells):
            raise ValueError(f"nodes must be more to have a cell in the domain, got {nodes}")
        used, index = np.unique(cells, return_inverse=True)
        points, x, cells = points[used], x[used], index.reshape(cells.shape)
    fields = {"u": solution(x), "residual": solution.residual(x)}
    if problem.exact is not None:
        with precision(solution.precision):
            fields["exact"] = settle_arrays(problem).exact_at(cast(x, jnp.result_type(float)))
    columns = {name: np.asarray(value) for name, value in fields.items()}
    return Mesh(points, {_KINDS[d]: cells}, {name: v[:, 0] if v.shape[1] == 1 else v for name, v in columns.items()})


def _cells(nodes: int, d: int) -> np.ndarray:
    """The nodes of all cells of a grid in `d` dimensions, the last axis fastest."""
    first = np.stack(np.meshgrid(*[np.arange(nodes - 1)] * d, indexing="ij"), -1).reshape(-1, 1, d)
    return (first + np.array(_CORNERS[d])) @ nodes ** np.arange(d)[::-1]
