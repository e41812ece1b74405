"""Meshes and fields of other programs, by meshio: read any of its formats, write VTU for ParaView and others."""

import contextlib
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from ..core import check_array, check_instance, write_atomic


class Mesh(eqx.Module):
    """Points, cells between them, and values on both.

    **Arguments:**

    - `points`: coordinates, shape `(n, d)`, `d` up to 3.
    - `cells`: for each kind, in meshio's words such as `"triangle"` or `"hexahedron"`, the points of each cell, shape
      `(c, corners)`, in the order of VTK.
    - `point_fields`, `cell_fields`: values by name, of shapes `(n, ...)` and `(all cells, ...)`, the kinds of cells one
      after another.

    **Raises:** `ValueError` when shapes do not fit, a coordinate is not finite, or a cell has a point that is not
    there; `TypeError` for cells and fields that are not dictionaries.

    >>> square = Mesh([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], {"triangle": [[0, 1, 2], [0, 2, 3]]})
    >>> square.points.shape, square.count
    ((4, 2), 2)
    """

    points: Float[np.ndarray, "n d"]
    cells: dict[str, Int[np.ndarray, "_ _"]]
    point_fields: dict[str, np.ndarray]
    cell_fields: dict[str, np.ndarray]

    def __init__(
        self,
        points: Any,
        cells: Mapping[str, Any],
        point_fields: Mapping[str, Any] | None = None,
        cell_fields: Mapping[str, Any] | None = None,
    ):
        self.points = np.asarray(check_array("points", points, ndim=2), np.float64)
        if self.points.shape[1] > 3:
            raise ValueError(f"points must have 3 coordinates at most, got shape {self.points.shape}")
        check_instance("cells", cells, Mapping, "a dictionary of kinds of cells")
        self.cells = {kind: _corners(kind, index, len(self.points)) for kind, index in cells.items()}
        self.point_fields = _fields("point_fields", point_fields, len(self.points))
        self.cell_fields = _fields("cell_fields", cell_fields, self.count)

    @property
    def count(self) -> int:
        """Number of cells of all kinds."""
        return sum(len(index) for index in self.cells.values())


def read_mesh(path: str | os.PathLike[str]) -> Mesh:
    """A mesh with its fields from a file: VTU, VTK, Gmsh, Exodus, MED, Abaqus and others that meshio knows.

    **Arguments:** `path`: the format is told by its ending.

    **Returns:** a `Mesh`; blocks of cells of one kind are joined.

    **Raises:** `ModuleNotFoundError` without meshio, `FileNotFoundError` without the file, `ValueError` when it cannot
    be read.

    >>> import tempfile
    >>> square = Mesh(np.eye(3), {"triangle": [[0, 1, 2]]}, {"temperature": [20.0, 30.0, 25.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_mesh(Path(folder) / "square.vtu", square)
    ...     read_mesh(Path(folder) / "square.vtu").point_fields["temperature"].tolist()
    [20.0, 30.0, 25.0]
    """
    meshio = _meshio()
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "there is no such file", os.fspath(path))
    said = io.StringIO()
    try:
        # meshio prints what went wrong and ends the program.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            found = meshio.read(path)
        kinds = list(dict.fromkeys(block.type for block in found.cells))
        place = {kind: [i for i, block in enumerate(found.cells) if block.type == kind] for kind in kinds}
        return Mesh(
            found.points,
            {kind: np.concatenate([found.cells[i].data for i in place[kind]]) for kind in kinds},
            found.point_data,
            {
                name: np.concatenate([b[i] for kind in kinds for i in place[kind]])
                for name, b in found.cell_data.items()
            },
        )
    except (Exception, SystemExit) as error:  # readers of forty formats raise whatever their parsers do
        reason = " ".join(f"{said.getvalue()} {'' if isinstance(error, SystemExit) else error}".split())
        raise ValueError(f"{os.fspath(path)} cannot be read as a mesh: {reason or type(error).__name__}") from None


def write_mesh(path: str | os.PathLike[str], mesh: Mesh) -> None:
    """Write a mesh with its fields as VTU, atomically.

    **Arguments:** `path`: ends with `.vtu`; `mesh`: coordinates beyond its own become zero.

    **Raises:** `ModuleNotFoundError` without meshio, `ValueError` for another ending, `TypeError` for another object,
    `OSError` when the file cannot be written.
    """
    meshio = _meshio()
    check_instance("mesh", mesh, Mesh, "an interop.Mesh(...)")
    if Path(path).suffix != ".vtu":
        raise ValueError(f"path must end with .vtu, got {os.fspath(path)}")
    ends = np.cumsum([len(index) for index in mesh.cells.values()])[:-1]
    made = meshio.Mesh(
        np.pad(mesh.points, ((0, 0), (0, 3 - mesh.points.shape[1]))),
        list(mesh.cells.items()),
        point_data=dict(mesh.point_fields),
        cell_data={name: np.split(values, ends) for name, values in mesh.cell_fields.items()},
    )
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "mesh.vtu"
        meshio.write(whole, made, file_format="vtu")
        write_atomic(path, whole.read_bytes())


def _corners(kind: str, index: Any, points: int) -> Int[np.ndarray, "_ _"]:
    index = np.asarray(check_array(f"cells[{kind!r}]", index, ndim=2, kind="number", nonempty=False))
    if index.dtype.kind not in "iu":
        raise TypeError(f"cells[{kind!r}] must hold integers, got dtype {index.dtype}")
    if index.size and not 0 <= index.min() <= index.max() < points:
        raise ValueError(f"cells[{kind!r}] must lie in [0, {points - 1}], got {index.min()} to {index.max()}")
    return index.astype(np.int64)


def _fields(name: str, fields: Mapping[str, Any] | None, count: int) -> dict[str, np.ndarray]:
    check_instance(name, {} if fields is None else fields, Mapping, "a dictionary of arrays")
    settled = {key: np.asarray(value) for key, value in (fields or {}).items()}
    for key, values in settled.items():
        if values.dtype.kind not in "biuf" or values.shape[:1] != (count,):
            raise ValueError(f"{name}[{key!r}] must hold {count} rows of numbers, got {values.dtype} {values.shape}")
    return settled


def _meshio() -> Any:
    try:
        import meshio
    except ModuleNotFoundError:
        raise ModuleNotFoundError("meshes need meshio: pip install 'perturbax[mesh]'") from None
    return meshio
