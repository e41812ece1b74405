"""Solutions of simulations in a user's files: arrays, or meshes with fields on them. Nothing is unpickled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perturbax import interop

from ._arrays import DAMAGE, import_h5py
from ._options import check_file, check_writable

_ARRAYS = (".npy", ".npz", ".csv", ".h5", ".hdf5")


class Solutions(NamedTuple):
    """Fields of shape `(M, n)` or `(M, times, n)`, and the mesh that they lie on, when there is one."""

    fields: np.ndarray
    mesh: interop.Mesh | None


def load_solutions(option: str, paths: Sequence[Path], field: str | None) -> Solutions:
    """All solutions from one file of arrays, or one from each mesh; values of several components one after another."""
    for path in paths:
        check_file(option, path)
    if paths[0].suffix in _ARRAYS:
        if len(paths) > 1:
            raise ValueError(f"{option} must be one file of arrays, or a mesh for each solution, got {len(paths)}")
        return Solutions(_array(option, paths[0], field), None)
    meshes = [interop.read_mesh(path) for path in paths]
    fields = [_chosen(option, path, mesh.point_fields, field) for path, mesh in zip(paths, meshes, strict=True)]
    for path, values in zip(paths, fields, strict=True):
        if values.shape != fields[0].shape:
            raise ValueError(
                f"{option}: {path} must hold values like {paths[0]}, {fields[0].shape}, got {values.shape}"
            )
    return Solutions(np.stack(fields).reshape(len(fields), -1).astype(np.float64), meshes[0])


def load_weight(option: str, word: str | None, solutions: Solutions) -> Any:
    """Entries from `.npy`, a sparse matrix from `.npz`, or the mass matrix of the mesh for `mass`."""
    import scipy.sparse

    from perturbax import rom

    if word is None:
        return None
    if word == "mass":
        if solutions.mesh is None:
            raise ValueError(f"{option} mass needs solutions on a mesh")
        mass = rom.mass_matrix(solutions.mesh)
        components = solutions.fields.shape[-1] // mass.shape[0]
        return scipy.sparse.kron(mass, scipy.sparse.eye_array(components), format="csr")
    path = Path(word)
    if not path.is_file():
        raise ValueError(f"{option} must be mass or a file, there is no file {word}")
    try:
        return scipy.sparse.load_npz(path) if path.suffix == ".npz" else np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise ValueError(f"{option}: {path} is no .npy of entries and no .npz of a sparse matrix ({error})") from None


def load_params(option: str, path: Path) -> np.ndarray:
    """The parameters of each solution, a row each: `.csv` with a header, or `.npy`."""
    from ._points import load_points

    return load_points(option, path)


def check_vtu(option: str, path: Path | None, paths: Sequence[Path]) -> None:
    """Refuse an output on a mesh that could not be written, before anything is read."""
    if path is None:
        return
    check_writable(option, path)
    if path.suffix != ".vtu":
        raise ValueError(f"{option} {path} must end with .vtu")
    if paths[0].suffix in _ARRAYS:
        raise ValueError(f"{option} needs solutions on a mesh")


def write_modes(path: Path, mesh: interop.Mesh | None, modes: Mapping[str, np.ndarray]) -> None:
    """The mesh with modes as fields of its points."""
    assert mesh is not None
    shape = (len(mesh.points), -1)
    fields = {name: np.squeeze(values.reshape(shape)) for name, values in modes.items()}
    interop.write_mesh(path, interop.Mesh(mesh.points, mesh.cells, fields))


def _array(option: str, path: Path, field: str | None) -> np.ndarray:
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv}
    try:
        values = readers.get(path.suffix, _hdf5)(option, path, field)
    except DAMAGE as error:
        if str(error).startswith(option):
            raise
        raise ValueError(f"{option}: {path} cannot be read ({error})") from None
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3):
        raise ValueError(
            f"{option}: {path} must hold numbers of shape (M, n) or (M, times, n), got {values.dtype} {values.shape}"
        )
    return values.astype(np.float64)


def _npy(option: str, path: Path, field: str | None) -> np.ndarray:
    return np.asarray(np.load(path, allow_pickle=False))


def _npz(option: str, path: Path, field: str | None) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        return _chosen(option, path, file, field)


def _csv(option: str, path: Path, field: str | None) -> np.ndarray:
    from ._points import load_points

    return load_points(option, path)


def _hdf5(option: str, path: Path, field: str | None) -> np.ndarray:
    h5py = import_h5py()
    with h5py.File(path) as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        return np.asarray(_chosen(option, path, found, field))


def _chosen(option: str, path: Path, fields: Mapping[str, Any], name: str | None) -> Any:
    names = list(fields)
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        raise ValueError(f"{option}: {path} holds {', '.join(names) or 'no fields'}; name one with --field")
    return fields[name]
