"""Arrays in a user's files. Nothing is unpickled; every error names the option and the file."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._options import check_file

# What NumPy raises for a file that is none of its own, and zipfile for an archive that is cut short, altered, encrypted
# (RuntimeError) or packed by a method that it does not know (NotImplementedError, which is a RuntimeError).
DAMAGE = (ValueError, KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


def load_npy(option: str, path: str | Path, kinds: str = "fiu") -> np.ndarray:
    """The array in an `.npy` file, with a dtype of one of the kinds of NumPy."""
    check_file(option, Path(path))
    try:
        array = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise ValueError(f"{option}: {path} is no readable .npy file of numbers ({error})") from None
    return check_numbers(option, path, array, kinds)


def load_array(option: str, path: str | Path) -> np.ndarray:
    """The array of finite real numbers in an `.npy` file."""
    array = load_npy(option, path)
    if not np.isfinite(array).all():
        raise ValueError(f"{option}: {path} must hold finite numbers")
    return array


def load_npz(option: str, path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` file by their names; those of `names` that are there, or all."""
    check_file(option, path)
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array without a name")
        with archive:
            arrays = {name: archive[name] for name in archive.files if names is None or name in names}
    except DAMAGE as error:
        raise ValueError(f"{option}: {path} is no readable .npz file of arrays ({error})") from None
    # Of members that are no arrays NumPy gives the bytes.
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise ValueError(f"{option}: {path} is no readable .npz file of arrays ({foreign[0]} is none)")
    return arrays


def load_archive(option: str, path: Path) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` or `.safetensors` file by their names."""
    check_file(option, path)
    if path.suffix == ".npz":
        return load_npz(option, path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{option}: {path} must be a .safetensors or .npz file")
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"{option} needs safetensors: pip install 'perturbax[safetensors]'") from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{option}: {path} is no readable .safetensors file ({error})") from None


def check_numbers(option: str, path: str | Path, array: Any, kinds: str) -> np.ndarray:
    """Refuse what is no array of numbers, or has none."""
    if isinstance(array, np.lib.npyio.NpzFile):
        raise ValueError(f"{option}: {path} must hold one array of numbers, got an archive of several arrays")
    array = np.asarray(array)
    if array.dtype.kind not in kinds or array.size == 0:
        got = f"dtype {array.dtype} and shape {array.shape}"
        raise ValueError(f"{option}: {path} must hold one array of numbers, got {got}")
    return array


def read_matrix(option: str, path: Path, mask: Any = None) -> Any:
    """The sparse matrix in an `.mtx` or `.npz` file, on the grid cells of a mask."""
    from perturbax import linalg

    check_file(option, path)
    try:
        return linalg.Sparse.read(path, mask)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{option}: {path} is no readable sparse matrix ({error})") from None


def import_h5py() -> Any:
    """The library for HDF5, an extra."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise ModuleNotFoundError("HDF5 files need h5py: pip install 'perturbax[h5ad]'") from None
    return h5py
