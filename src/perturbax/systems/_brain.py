"""Brains as maps of white and grey matter on a grid of voxels."""

import os
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from ..core import check_array, check_integer, check_number
from ..data import mni152
from ..interop import Volume, read_nifti

_TISSUE = 0.5


class BrainAnatomy(eqx.Module):
    """Shares of white and grey matter in every voxel. What both leave is fluid, bone and air, where nothing grows.

    **Arguments:**

    - `white`, `grey`: shares in [0, 1], with one to three axes.
    - `spacing`: side of a voxel in millimetres, the same along all axes.
    - `affine`: from indices of voxels to millimetres, shape `(4, 4)`; what files of patients are compared with. By
      default voxels lie from the origin on. In a slice the first two rows and columns count.

    **Raises:** `TypeError`, `ValueError` for maps that do not fit together or leave [0, 1], for brains without white
    matter, and for voxels of other sides than `spacing`.

    >>> brain = BrainAnatomy(np.ones((4, 6)), np.zeros((4, 6)), spacing=2.0)
    >>> brain.shape, int(brain.tissue.sum())
    ((4, 6), 24)
    """

    white: Float[np.ndarray, "*shape"]
    grey: Float[np.ndarray, "*shape"]
    spacing: float = eqx.field(static=True)
    affine: Float[np.ndarray, "4 4"]

    def __init__(self, white: Any, grey: Any, *, spacing: float | int, affine: Any = None):
        self.white, self.grey = _share("white", white), _share("grey", grey)
        if self.white.shape != self.grey.shape:
            raise ValueError(f"grey must have the shape of white, {self.white.shape}, got {self.grey.shape}")
        if float(np.max(self.white + self.grey)) > 1.0 + 1e-2:  # maps of bytes add up to a little more than one
            raise ValueError("white and grey must add up to at most 1 in every voxel")
        self.spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)
        if affine is None:
            affine = np.diag([self.spacing] * 3 + [1.0])
        self.affine = np.asarray(check_array("affine", affine, shape=(4, 4)), np.float64)
        sides = np.linalg.norm(self.affine[:3, :3], axis=0)[: self.white.ndim]
        if not np.allclose(sides, self.spacing, rtol=1e-3):
            raise ValueError(f"affine must have voxels of {self.spacing:g} mm along all axes, got {sides.tolist()}")
        if not (self.white > _TISSUE).any():
            raise ValueError("white must exceed 0.5 somewhere: there is no white matter for a tumour to start in")

    @classmethod
    def from_mni(cls, resolution: int = 2) -> "BrainAnatomy":
        """The MNI152 template, its voxels of 1 mm averaged in cubes.

        **Arguments:** `resolution`: side of a voxel in millimetres, an integer.

        **Raises:** `ModuleNotFoundError` without the package that carries it, `ValueError` for other sides.

        >>> BrainAnatomy.from_mni(8).shape
        (24, 29, 23)
        """
        template = mni152()
        white, grey = (np.asarray(volume, np.float32) / 255.0 for volume in (template.white, template.grey))
        whole = cls(white, grey, spacing=1.0, affine=template.affine)
        return whole.coarsen(check_integer("resolution", resolution, minimum=1))

    @classmethod
    def from_nifti(cls, white: str | os.PathLike[str], grey: str | os.PathLike[str]) -> "BrainAnatomy":
        """An atlas from two files of shares on one grid.

        **Arguments:** `white`, `grey`: paths; values in 0 ... 1, or in 0 ... 255 when they are bytes.

        **Raises:** `ValueError` when the files lie on two grids or are no such maps.
        """
        first, second = read_nifti(white), read_nifti(grey)
        if not np.allclose(first.affine, second.affine, atol=1e-3):
            raise ValueError(
                f"grey must have the affine of white, {first.affine.tolist()}, got {second.affine.tolist()}"
            )
        maps = [
            np.asarray(v.values, np.float32) / (255.0 if v.values.dtype == np.uint8 else 1.0) for v in (first, second)
        ]
        return cls(*maps, spacing=first.spacing[0], affine=first.affine)

    @classmethod
    def phantom(cls, shape: Sequence[int], *, spacing: float | int = 2.0) -> "BrainAnatomy":
        """A synthetic brain for examples and tests: an ellipsoid of white matter with a rim of grey matter.

        **Arguments:** `shape`: voxels along each axis; `spacing`: their side in millimetres.

        >>> BrainAnatomy.phantom((12, 16)).shape
        (12, 16)
        """
        axes = [np.linspace(-1.0, 1.0, check_integer(f"shape[{i}]", n, minimum=4)) for i, n in enumerate(shape)]
        radius = np.sqrt(sum(x**2 for x in np.meshgrid(*axes, indexing="ij")))
        return cls(np.float32(radius <= 0.7), np.float32((radius > 0.7) & (radius <= 0.95)), spacing=spacing)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""
        return self.white.shape

    @property
    def tissue(self) -> Bool[np.ndarray, "*shape"]:
        """Voxels of which more than half is white or grey matter."""
        return self.white + self.grey > _TISSUE

    @property
    def white_matter(self) -> Bool[np.ndarray, "*shape"]:
        """Voxels of which more than half is white matter."""
        return self.white > _TISSUE

    def mask(self, name: str, volume: Volume) -> Bool[np.ndarray, "*shape"]:
        """A mask of a patient on the grid of this brain: as it is, or most of each block of a finer grid.

        **Arguments:** `name`: of the mask, for errors; `volume`: zeros, and ones or another single value.

        **Raises:** `ValueError` when it lies on another grid, with both affines, is no mask or empty.
        """
        values = np.unique(volume.values)
        if len(values) > 2 or values[0] != 0:
            raise ValueError(f"{name} must be a mask of zeros and one other value, it has {len(values)} values")
        if len(values) == 1:
            raise ValueError(f"{name} must not be empty")
        factor = max(1, round(self.spacing / volume.spacing[0]))
        affine = _coarse(volume.affine, factor, volume.values.ndim)
        shape = tuple(n // factor for n in volume.values.shape)
        if shape != self.shape or not np.allclose(affine, self.affine, atol=1e-2):
            raise ValueError(
                f"{name} must lie on the grid of the atlas, {self.shape} with affine {self.affine.tolist()}, or on a "
                f"finer one; it has {volume.values.shape} with affine {volume.affine.tolist()}"
            )
        return block_means((volume.values > 0).astype(np.float32), factor) >= 0.5

    def slice(self, axis: int, index: int) -> "BrainAnatomy":
        """One layer of voxels, with an axis less.

        **Arguments:** `axis`; `index`: of the layer.

        **Raises:** `ValueError` where there is no such layer.
        """
        axis = check_integer("axis", axis, minimum=0, maximum=self.white.ndim - 1)
        index = check_integer("index", index, minimum=0, maximum=self.shape[axis] - 1)
        kept = [i for i in range(3) if i != axis] + [axis, 3]
        affine = self.affine.copy()
        affine[:, 3] += index * affine[:, axis]
        layers = (np.take(share, index, axis) for share in (self.white, self.grey))
        return BrainAnatomy(*layers, spacing=self.spacing, affine=affine[:, kept])

    def coarsen(self, factor: int) -> "BrainAnatomy":
        """Means of blocks of voxels; what does not fill a block at the far ends is left out.

        **Arguments:** `factor`: voxels along each side of a block.

        **Raises:** `ValueError` when a block does not fit.
        """
        factor = check_integer("factor", factor, minimum=1, maximum=min(self.shape))
        affine = _coarse(self.affine, factor, self.white.ndim)
        maps = (block_means(share, factor) for share in (self.white, self.grey))
        return BrainAnatomy(*maps, spacing=self.spacing * factor, affine=affine)


def _coarse(affine: np.ndarray, factor: int, ndim: int) -> np.ndarray:
    """The affine of blocks of voxels along the first axes."""
    affine = affine.copy()
    affine[:3, 3] += affine[:3, :ndim].sum(1) * (factor - 1) / 2.0
    affine[:3, :ndim] *= factor
    return affine


def block_means(values: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of `factor` values along each axis."""
    kept = values[tuple(slice(n // factor * factor) for n in values.shape)]
    split = kept.reshape([size for n in kept.shape for size in (n // factor, factor)])
    return split.mean(tuple(range(1, split.ndim, 2)))


def _share(name: str, value: Any) -> Float[np.ndarray, "*shape"]:
    share = np.asarray(check_array(name, value), np.float32)
    if not 1 <= share.ndim <= 3:
        raise ValueError(f"{name} must have one to three axes, got shape {share.shape}")
    if share.min() < 0.0 or share.max() > 1.0 + 1e-6:
        raise ValueError(f"{name} must lie in [0, 1], got {share.min():g} to {share.max():g}")
    return share
