"""The MNI152 template of the human brain: head, white and grey matter, as they come with nilearn."""

import dataclasses
import functools
import importlib.util
import pathlib

import numpy as np
from jaxtyping import Float, UInt8

from ..interop import read_nifti
from ._image_set import DataCard, package_source


@dataclasses.dataclass(frozen=True, eq=False)
class BrainTemplate:
    """Volumes of one brain. The axes point to the right, the front and the top.

    **Arguments:** `head`: T1-weighted; `white`, `grey`: the shares of both kinds of matter, 0 to 255; `affine`: from
    voxels to millimetres; `card`.
    """

    head: UInt8[np.ndarray, "x y z"]
    white: UInt8[np.ndarray, "x y z"]
    grey: UInt8[np.ndarray, "x y z"]
    affine: Float[np.ndarray, "4 4"]
    card: DataCard


@functools.lru_cache
def mni152() -> BrainTemplate:
    """The average of 152 brains, ICBM 2009a, nonlinear symmetric, in voxels of 1 mm.

    **Returns:** volumes of 197 x 233 x 189 voxels. The arrays are read-only.

    **Raises:** `ModuleNotFoundError` when nilearn or nibabel is not installed (`pip install perturbax[data-brain]`);
    `ValueError` when a file is missing or has another shape.

    Source: Fonov et al. 2011, *Unbiased average age-appropriate atlases for pediatric studies*, in nilearn.

    >>> mni152().white.shape
    (197, 233, 189)
    """
    # Only the folder is needed: importing nilearn costs seconds.
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mni152() reads files of the package nilearn: pip install 'perturbax[data-brain]'")
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    volumes = {}
    for kind in ("t1", "wm", "gm"):
        path = folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
        if not path.is_file():
            raise ValueError(f"{folder} has no file {path.name}; reinstall nilearn")
        volumes[kind] = read_nifti(path)
        if volumes[kind].values.shape != (197, 233, 189) or volumes[kind].values.dtype != np.uint8:
            raise ValueError(f"{path.name} must have 197 x 233 x 189 bytes, got {volumes[kind].values.shape}")
        volumes[kind].values.setflags(write=False)
    card = DataCard(
        "mni152",
        package_source("nilearn"),
        "BSD-3-Clause (nilearn); the template itself: terms of the ICBM, McConnell Brain Imaging Centre",
        1,
        volumes["wm"].values.shape,
        synthetic=False,
        note="average of 152 T1-weighted scans of adults; white and grey matter as probabilities, 0 to 255",
    )
    return BrainTemplate(volumes["t1"].values, volumes["wm"].values, volumes["gm"].values, volumes["wm"].affine, card)
