"""Points in a user's files: `.npy`, `.csv` and `.h5ad`, one row a point. Nothing is unpickled."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from ._arrays import DAMAGE, import_h5py
from ._options import check_file

_READ = (".npy", ".csv", ".h5ad")
_WRITTEN = (".npy", ".csv")


def load_points(option: str, path: Path, obsm: str = "X_pca") -> np.ndarray:
    """Points of shape `(n, d)` in float64. Of an `.h5ad` file the array `obsm` of the cells."""
    check_file(option, path)
    if path.suffix not in _READ:
        raise ValueError(f"{option}: {path} must end with {', '.join(_READ)}")
    try:
        points = {".npy": _npy, ".csv": _csv, ".h5ad": lambda path: _h5ad(path, obsm)}[path.suffix](path)
    except DAMAGE as error:
        raise ValueError(f"{option}: {path} is no readable {path.suffix} file of numbers ({error})") from None
    if points.ndim != 2 or points.size == 0 or points.dtype.kind not in "fiu":
        raise ValueError(f"{option}: {path} must hold numbers of shape (n, d), got {points.dtype} {points.shape}")
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise ValueError(f"{option}: {path} must hold finite numbers, row {row} does not")
    return points.astype(np.float64)


def check_points_file(option: str, path: Path, count: int) -> None:
    """Refuse an output that could not hold `count` sets of points, before anything is computed."""
    if path.suffix not in _WRITTEN:
        raise ValueError(f"{option} {path} must end with {' or '.join(_WRITTEN)}")
    if path.suffix == ".csv" and count > 1:
        raise ValueError(f"{option} {path} holds one table; for {count} times use .npy")


def encode_points(path: Path, points: np.ndarray) -> bytes:
    """The content of a file by its ending."""
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, points)
    else:
        np.savetxt(buffer, points, delimiter=",", fmt="%.9g")
    return buffer.getvalue()


def _npy(path: Path) -> Any:
    return np.asarray(np.load(path, allow_pickle=False))


def _csv(path: Path) -> Any:
    """Numbers between commas; a first line that is not numbers is taken for the names of the columns."""
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    try:
        _ = [float(part) for part in first.split(",")]
        header = 0
    except ValueError:
        header = 1
    return np.loadtxt(path, delimiter=",", skiprows=header, ndmin=2)


def _h5ad(path: Path, obsm: str) -> Any:
    h5py = import_h5py()
    with h5py.File(path) as file:
        group = file["obsm"]
        assert isinstance(group, h5py.Group)
        if obsm not in group:
            raise ValueError(f"obsm has no {obsm}; there are {', '.join(group)}")
        return np.asarray(group[obsm])
