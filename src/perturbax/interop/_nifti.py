"""Volumes of medical images in NIfTI files, by nibabel."""

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_array, write_atomic

_ENDINGS = (".nii", ".nii.gz")


class Volume(eqx.Module):
    """Values on a grid of voxels, and where it lies.

    **Arguments:** `values`: of any number of axes; `affine`: from indices of voxels to millimetres, shape `(4, 4)`.

    **Raises:** `TypeError`, `ValueError` for values that are no numbers or not finite and other shapes of the affine.

    >>> volume = Volume(np.zeros((2, 3, 4), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> volume.spacing
    (2.0, 2.0, 2.0)
    """

    values: np.ndarray
    affine: Float[np.ndarray, "4 4"]

    def __init__(self, values: Any, affine: Any):
        self.values = np.asarray(check_array("values", values, kind="any"))
        if self.values.dtype.kind not in "biuf" or not np.isfinite(self.values).all():
            raise ValueError(f"values must be finite real numbers, got dtype {self.values.dtype}")
        self.affine = np.asarray(check_array("affine", affine, shape=(4, 4)), np.float64)

    @property
    def spacing(self) -> tuple[float, ...]:
        """The sides of a voxel in millimetres."""
        return tuple(float(side) for side in np.linalg.norm(self.affine[:3, :3], axis=0))


def read_nifti(path: str | os.PathLike[str]) -> Volume:
    """A volume from a file `.nii` or `.nii.gz`.

    **Arguments:** `path`.

    **Returns:** a `Volume`; integers stay integers unless the file scales them.

    **Raises:** `ModuleNotFoundError` without nibabel, `FileNotFoundError` without the file, `ValueError` when it cannot
    be read or a value is not finite.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_nifti(Path(folder) / "a.nii.gz", Volume(np.ones((2, 2, 2), np.float32), np.eye(4)))
    ...     read_nifti(Path(folder) / "a.nii.gz").values.sum().item()
    8.0
    """
    nibabel = _nibabel()
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "there is no such file", os.fspath(path))
    try:
        image = nibabel.Nifti1Image.from_bytes(_unpacked(path))
        return Volume(np.asarray(image.dataobj), image.affine)
    except (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
        zlib.error,
        OSError,
        EOFError,
    ) as error:
        raise ValueError(f"{os.fspath(path)} cannot be read as NIfTI: {error}") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def write_nifti(path: str | os.PathLike[str], volume: Volume) -> None:
    """Write a volume, atomically.

    **Arguments:** `path`: ends with `.nii` or `.nii.gz`; `volume`: booleans become bytes.

    **Raises:** `ModuleNotFoundError` without nibabel, `ValueError` for another ending, `OSError` when the file cannot
    be written.
    """
    nibabel = _nibabel()
    check_nifti_name("path", path)
    values = volume.values.astype(np.uint8) if volume.values.dtype == bool else volume.values
    content = nibabel.Nifti1Image(values, volume.affine, dtype=values.dtype).to_bytes()
    write_atomic(path, gzip.compress(content, mtime=0) if os.fspath(path).endswith(".gz") else content)


def check_nifti_name(name: str, path: str | os.PathLike[str]) -> None:
    """Refuse a file that does not end as NIfTI files do."""
    if not os.fspath(path).endswith(_ENDINGS):
        raise ValueError(f"{name} must end with .nii or .nii.gz, got {os.fspath(path)}")


def _unpacked(path: str | os.PathLike[str]) -> bytes:
    content = Path(path).read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _nibabel() -> Any:
    try:
        import nibabel
    except ModuleNotFoundError:
        raise ModuleNotFoundError("NIfTI files need nibabel: pip install 'perturbax[nifti]'") from None
    return nibabel
